"""Asks a shadow what another version was asked, once that is answered, and compares the two.

Nothing waits for it. It takes nobody's place and begins only while no prediction waits or runs;
what it has no room or no time for is dropped.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from app import log
from app.ids import new_id
from app.kinds.face import Face, Outcome
from app.kinds.kind import LoadedModel
from app.kinds.registry import faces
from app.kinds.tensors import Tensors
from app.serving.entries import Choice, Entry
from app.serving.errors import InferenceUnavailable, ModelChanged
from app.serving.lane import Outcome as Ran
from app.serving.lane import Place
from app.serving.lanes import Lanes
from app.serving.signatures import check_inputs, signature_of

# Upper bounds of the times that a shadow's predictions are counted by.
_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60)

# So many requests are kept for the shadows at once, and no more than these bytes of inputs.
_MOST, _MOST_BYTES = 4, 64 << 20
# How long one waits until its answer is sent, which it never is where the HTTP worker dies.
_HELD_S = 60.0
# How long one waits for a moment in which nothing is to do, and how often that is looked for.
_PATIENCE_S, _LOOK_S = 5.0, 0.01
_LONGEST_REASON = 300


@dataclass
class Tally:
    """What came of the copies that one version got."""

    predictions: int = 0
    failures: int = 0
    differences: int = 0
    dropped: int = 0
    seconds_sum: float = 0.0
    seconds_bounds: Sequence[float] = _SECONDS
    seconds_counts: list[int] = field(default_factory=lambda: [0] * len(_SECONDS))

    def add(self, took_s: float) -> None:
        """Count a prediction."""
        self.predictions += 1
        self.seconds_sum += took_s
        for index, bound in enumerate(_SECONDS):
            self.seconds_counts[index] += took_s <= bound


class Copy:
    """What one request asked of one version, kept for the shadow of that.

    Args:
        key: the request's id.
    """

    def __init__(self, shadows: Shadows, entry: Entry, shadow: Entry, key: str | None) -> None:
        self._shadows, self.entry, self.shadow, self.key = shadows, entry, shadow, key
        self.asked: Mapping[str, Any] = {}
        self.rows: list[Tensors] = []
        self.results: list[Tensors] = []
        self.size = 0
        self.ticket, self.is_due = "", False
        self.kept_at = time.monotonic()

    def take(self, rows: Sequence[Tensors], asked: Mapping[str, Any]) -> None:
        """Keep the inputs: what refers to their memory keeps that from being used for others.

        Where there is no room they are dropped.
        """
        self.size = sum(array.nbytes for row in rows for array in row.values())
        if not self._shadows.keep(self):
            return
        self.rows, self.asked = [*rows], asked

    def answered(self, results: Sequence[Tensors]) -> str | None:
        """Keep what the other version said, and return the ticket of it; None where dropped."""
        if not self.rows:
            return None
        self.results, self.ticket = [*results], new_id()
        return self.ticket

    def close(self) -> None:
        """Forget it, unless it was answered; may be called again."""
        if not self.ticket:
            self._shadows.forget(self)


class Shadows:
    """The one thread that asks shadows, and what waits for it. Safe to share between threads."""

    def __init__(self, lanes: Lanes, *, timeout_s: float) -> None:
        self._lanes, self._timeout_s = lanes, timeout_s
        self._changed = threading.Condition()
        self._kept: list[Copy] = []
        self._due: deque[Copy] = deque()
        self._tallies: dict[tuple[str, int], Tally] = {}
        self._thread: threading.Thread | None = None
        self._is_closed = threading.Event()

    def copy_for(self, choice: Choice, key: str | None) -> Copy | None:
        """Return what keeps a request for the shadow, if it has one; `key` is the request's id."""
        return None if choice.shadow is None else Copy(self, choice.entry, choice.shadow, key)

    def tally(self, name: str, version: int) -> Tally:
        """Return what came of a version's copies so far."""
        return self._tallies.setdefault((name, version), Tally())

    def keep(self, copy: Copy) -> bool:
        """Keep a request until its answer is sent, if there is room; say whether there was."""
        with self._changed:
            held = [one for one in self._kept if not one.is_due]
            for old in [one for one in held if copy.kept_at - one.kept_at > _HELD_S]:
                self._drop(old)
            used = sum(one.size for one in self._kept)
            if len(self._kept) >= _MOST or used + copy.size > _MOST_BYTES:
                self._tally_of(copy).dropped += 1
                return False
            self._kept.append(copy)
            return True

    def release(self, ticket: str) -> None:
        """Have a request's shadow asked, now that its answer is sent."""
        with self._changed:
            for copy in [one for one in self._kept if one.ticket == ticket and not one.is_due]:
                copy.is_due = True
                self._due.append(copy)
            if self._due and self._thread is None:
                self._thread = threading.Thread(target=self._work, name="shadows", daemon=True)
                self._thread.start()
            self._changed.notify()

    def drop(self, copy: Copy) -> None:
        """Forget a request that there is no room for any more."""
        with self._changed:
            self._drop(copy)

    def forget(self, copy: Copy) -> None:
        """Forget a request."""
        with self._changed:
            if copy in self._kept:
                self._kept.remove(copy)

    def close(self) -> None:
        """End the thread; what waits is forgotten."""
        self._is_closed.set()
        with self._changed:
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _drop(self, copy: Copy) -> None:
        if copy in self._kept:
            self._kept.remove(copy)
            self._tally_of(copy).dropped += 1

    def _tally_of(self, copy: Copy) -> Tally:
        return self.tally(copy.shadow.name, copy.shadow.version)

    def _work(self) -> None:
        # No name here holds the last inputs while it waits for the next.
        while self._has_worked():
            pass

    def _has_worked(self) -> bool:
        """Wait for a request and ask its shadow; say whether there may be more."""
        with self._changed:
            self._changed.wait_for(lambda: self._due or self._is_closed.is_set())
            if self._is_closed.is_set():
                return False
            copy = self._due.popleft()
        try:
            self._ask(copy)
        except (ModelChanged, InferenceUnavailable):
            # The shadow, or all of it, ends.
            self.drop(copy)
        except Exception as error:
            self._tally_of(copy).failures += 1
            reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
            _log(copy, "WARNING", error=reason[:_LONGEST_REASON])
        self.forget(copy)
        return True

    def _ask(self, copy: Copy) -> None:
        model = copy.shadow.model
        if model is None or copy.shadow.face != copy.entry.face:
            raise ValueError(f"its face is {copy.shadow.face}, not {copy.entry.face}")
        signature = signature_of(copy.shadow.signatures, copy.asked)
        for row in copy.rows:
            check_inputs(signature, row)
            model.check(row)
        place = self._spare(copy.shadow, model)
        if place is None:
            self.drop(copy)
            return
        ran = place.wait(copy.rows, copy.asked).found()
        differences = [
            difference
            for one, result in zip(ran, copy.results, strict=True)
            if (difference := _difference(copy, result, one.result))
        ]
        self._count(copy, ran, differences)

    def _spare(self, shadow: Entry, model: LoadedModel) -> Place | None:
        """Wait for a moment in which nothing is to do; None where there is none in time."""
        last = time.monotonic() + _PATIENCE_S
        look = partial(self._lanes.spare, shadow, model, self._timeout_s)
        while (place := look()) is None and time.monotonic() < last:
            if self._is_closed.wait(_LOOK_S):
                return None
        return place

    def _count(self, copy: Copy, ran: Sequence[Ran], differences: Sequence[str]) -> None:
        tally = self._tally_of(copy)
        for one in ran:
            tally.add(one.inference_ms / 1000)
        tally.differences += len(differences)
        _log(
            copy,
            "INFO",
            predictions=len(ran),
            differences=len(differences),
            difference=differences[0] if differences else None,
            inference_ms=round(max(one.inference_ms for one in ran), 1),
        )


def _difference(copy: Copy, result: Tensors, shadowed: Tensors) -> str | None:
    """Say in which way the shadow's result is not the other version's, beyond a golden's bounds."""
    face: Face = faces()[copy.entry.face]
    facts, others = (one.model.facts if one.model else {} for one in (copy.entry, copy.shadow))
    members = face.members(Outcome(result, facts), face.parameters())
    return face.difference(face.golden(members), Outcome(shadowed, others))


def _log(copy: Copy, severity: str, **told: Any) -> None:
    log.event(
        "shadow",
        severity,
        request_id=copy.key,
        model=copy.entry.name,
        version=copy.entry.version,
        shadow=copy.shadow.version,
        **told,
    )
