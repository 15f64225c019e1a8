"""Runs predictions one after the other in one thread, for those who were given a place.

One thread, because the network already uses every core. Places are bounded, and none is given to a
request that would wait longer than it has time: better refused at once than late.
"""

from __future__ import annotations

import queue
import statistics
import threading
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from app import log
from app.kinds.kind import LoadedModel
from app.kinds.tensors import Tensors
from app.serving.client import IsGone
from app.serving.errors import (
    CallerGone,
    InferenceFailed,
    InferenceOverloaded,
    InferenceTimeout,
    InferenceUnavailable,
    ServingError,
)

RETRY_AFTER_S = 5.0

_LONGEST_REASON = 300
# How often a caller that waits is looked after.
_POLL_S = 0.25
# Of so many predictions the median is what the next one is expected to take: one photo that was
# slow, because its graph had to be built, is no reason to refuse others.
_REMEMBERED = 15
# What is expected to take so long is given more time than that: half of all take longer than the
# median, and one that comes too late has kept others from coming in time.
_RESERVE = 1.3
# One who was told that all places are taken tells others so, for this share of the time in which
# they will be free again: the engine does not run dry meanwhile.
_FULL_SHARE, _LONGEST_FULL_S = 0.25, 0.02


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one prediction gave and what it took."""

    result: Tensors
    queue_ms: float
    inference_ms: float


@dataclass(frozen=True, eq=False)
class _Work:
    """One prediction to make, in its place's turn."""

    place: Place
    inputs: Tensors
    asked: Mapping[str, Any]
    queued_at: float = field(default_factory=time.perf_counter)
    outcome: Future[Outcome] = field(default_factory=Future)


class Engine:
    """The one thread that predicts. `enter` may be called from any number of threads.

    Args:
        limit: places, those being predicted and those whose photo is still decoded included.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._places: set[Place] = set()
        self._took_s: dict[str, deque[float]] = {}
        self._last_done_at = 0.0
        self._waiting: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._running: Place | None = None
        self._running_since: float | None = None
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="inference", daemon=True)
        self._thread.start()

    @property
    def taken(self) -> int:
        """How many places are taken."""
        return len(self._places)

    @property
    def running_s(self) -> float:
        """How long the prediction that runs has been running; 0 where none does."""
        since = self._running_since
        return 0.0 if since is None else time.monotonic() - since

    def enter(
        self, title: str, model: LoadedModel, *, timeout_s: float, is_gone: IsGone | None = None
    ) -> Place:
        """Return a place for one prediction of `model`, which log and errors call `title`.

        Raises InferenceOverloaded, or InferenceUnavailable where the engine is stopping.
        """
        if self._is_closed:
            raise InferenceUnavailable("inference is stopping", RETRY_AFTER_S)
        place = Place(self, title, model, timeout_s, is_gone)
        with self._lock:
            # One that was given up while it ran keeps the thread busy until it has run.
            others = self._places if self._running is None else self._places | {self._running}
            wait_s = sum(self._expected_s(other.title) for other in others)
            if len(others) >= self._limit:
                raise InferenceOverloaded(
                    f"{len(others)} requests are in work or wait already; at most "
                    f"{self._limit} may",
                    wait_s or RETRY_AFTER_S,
                    min(_FULL_SHARE * wait_s, _LONGEST_FULL_S),
                )
            # With nobody before it a request is tried in any case: that is how it is learnt when
            # a model has become faster.
            needed_s = _RESERVE * (wait_s + self._expected_s(title))
            if others and needed_s > timeout_s:
                raise InferenceOverloaded(
                    f"this request would take about {needed_s:.1f} s, behind "
                    f"{len(others)} others, and has {timeout_s:.1f} s",
                    max(needed_s - timeout_s, 1),
                )
            self._places.add(place)
        return place

    def leave(self, place: Place) -> None:
        """Take a place back."""
        with self._lock:
            self._places.discard(place)

    def submit(self, work: _Work) -> None:
        """Let the work wait for its turn."""
        self._waiting.put(work)

    def close(self) -> None:
        """Refuse new work, finish what waits, end the thread."""
        if not self._is_closed:
            self._is_closed = True
            self._waiting.put(None)
            self._thread.join()

    def _expected_s(self, title: str) -> float:
        """Return how long a place is taken by what the last ones took; 0 before the first.

        That is from when the one before it was done, or from its own entry where that was later:
        what makes places come free slowly may be the decoding of photos, not the network.
        """
        took_s = self._took_s.get(title)
        return statistics.median(took_s) if took_s else 0.0

    def _work(self) -> None:
        while (work := self._waiting.get()) is not None:
            if not work.place.is_gone() and work.outcome.set_running_or_notify_cancel():
                self._running, self._running_since = work.place, time.monotonic()
                self._predict(work)
                self._running, self._running_since = None, None
            # While it waits for the next one, the last inputs must not stay in memory.
            del work

    def _predict(self, work: _Work) -> None:
        started_at = time.perf_counter()
        title = work.place.title
        try:
            (result,) = work.place.model.predict([work.inputs], [work.asked])
        except BaseException as error:
            # BaseException: a SystemExit out of a framework must not end the only thread.
            log.event("prediction_failed", "ERROR", model=title, exception=True)
            first_line = str(error).partition("\n")[0][:_LONGEST_REASON]
            reason = f"{title}: {type(error).__name__}: {first_line}"
            work.outcome.set_exception(InferenceFailed(reason))
            return
        took_s = time.perf_counter() - started_at
        done_at = time.monotonic()
        with self._lock:
            place_s = done_at - max(work.place.entered_at, self._last_done_at)
            self._took_s.setdefault(title, deque(maxlen=_REMEMBERED)).append(place_s)
            self._last_done_at = done_at
        queue_ms = 1000 * (started_at - work.queued_at)
        work.outcome.set_result(Outcome(result, queue_ms, 1000 * took_s))


class Place:
    """A place in an engine's queue, until `close`; made by `Engine.enter`."""

    def __init__(
        self,
        engine: Engine,
        title: str,
        model: LoadedModel,
        timeout_s: float,
        is_gone: IsGone | None,
    ) -> None:
        self.title, self.model = title, model
        self._engine = engine
        self._timeout_s = timeout_s
        self.entered_at = time.monotonic()
        self._deadline = self.entered_at + timeout_s
        self._is_gone = is_gone

    def is_gone(self) -> bool:
        """Say whether whoever asked has hung up."""
        return self._is_gone is not None and self._is_gone()

    def close(self) -> None:
        """Give the place away; may be called again."""
        self._engine.leave(self)

    def run(self, inputs: Tensors, asked: Mapping[str, Any]) -> Outcome:
        """Wait for the turn and the prediction.

        Raises InferenceTimeout, InferenceFailed, or CallerGone.
        """
        work = _Work(self, inputs, asked)
        self._engine.submit(work)
        try:
            while True:
                left_s = self._deadline - time.monotonic()
                try:
                    return work.outcome.result(min(_POLL_S, max(0.0, left_s)))
                except TimeoutError:
                    error = self._reason_to_give_up(left_s)
                if error is not None:
                    # Do not predict for nobody when the turn comes.
                    work.outcome.cancel()
                    raise error
        finally:
            # An error's traceback holds this frame, and the work its error: without this the inputs
            # would stay in memory until the next garbage collection.
            del work, inputs

    def _reason_to_give_up(self, left_s: float) -> ServingError | None:
        if self.is_gone():
            return CallerGone()
        return InferenceTimeout(self._timeout_s) if left_s <= 0 else None
