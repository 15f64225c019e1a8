"""Runs the predictions of one loaded model, in a thread of its own, for those who have a place.

What comes while a pass runs waits, and the next pass takes as much of it as the model can take at
once. Places are bounded, and none is given to a request that would wait longer than it has time:
better refused at once than late.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app import log
from app.kinds.kind import InputError, LoadedModel
from app.kinds.tensors import Tensors
from app.serving.client import IsGone
from app.serving.errors import (
    CallerGone,
    InferenceFailed,
    InferenceOverloaded,
    InferenceTimeout,
    InferenceUnavailable,
)

RETRY_AFTER_S = 5.0

_LONGEST_REASON = 300
# How often a caller that waits is looked after.
_POLL_S = 0.25
# Of so many passes the median is what the next one is expected to take: one picture that was slow,
# because its graph had to be built, is no reason to refuse others.
_REMEMBERED = 15
# What is expected to take so long is given more time than that: half of all take longer than the
# median, and one that comes too late has kept others from coming in time.
_RESERVE = 1.3
# A worker that was refused refuses others itself, for this share of the time in which all places
# will be free again, up to 20 ms: the lane does not run dry meanwhile.
_FULL_SHARE, _LONGEST_FULL_S = 0.25, 0.02


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one prediction gave, how long it waited, and what the pass took that it was in."""

    result: Tensors
    queue_ms: float
    inference_ms: float


class Asked:
    """The predictions that one place has asked for.

    Args:
        place: that asks.
        rows: how many there are.
        done: called once, by the lane's thread, when all have their outcome or one has failed; by
            nobody once they are given up.
    """

    def __init__(self, place: Place, rows: int, done: Callable[[Asked], None]) -> None:
        self.place = place
        self.outcomes: list[Outcome | None] = [None] * rows
        self.failed: tuple[int, Exception] | None = None
        self.is_over = False
        self._left = rows
        self._done = done

    def give_up(self) -> None:
        """Predict nothing of it that has not begun: nobody waits for it any more."""
        self.is_over = True

    def settle(self, row: int, outcome: Outcome | Exception) -> None:
        """Note what came of one row."""
        if self.is_over:
            return
        if isinstance(outcome, Exception):
            self.failed = row, outcome
        else:
            self.outcomes[row] = outcome
            self._left -= 1
        if self.failed or not self._left:
            self.is_over = True
            self._done(self)

    def found(self) -> list[Outcome]:
        """Return the outcomes in the order of their rows; raises why one of them failed."""
        if self.failed is not None:
            raise self.failed[1]
        return [outcome for outcome in self.outcomes if outcome is not None]


@dataclass(eq=False, slots=True)
class _Work:
    """One prediction to make; those whose `key` is equal, and not None, may share a pass."""

    asked: Asked
    row: int
    inputs: Tensors | None
    told: Mapping[str, Any]
    key: Hashable | None
    queued_at: float = field(default_factory=time.perf_counter)

    @property
    def place(self) -> Place:
        """The place that asks."""
        return self.asked.place

    def is_wanted(self) -> bool:
        """Say whether somebody still waits for it."""
        place = self.place
        return not (self.asked.is_over or place.is_gone()) and place.left_s > 0

    def settle(self, outcome: Outcome | Exception) -> None:
        """Let go of the inputs and tell what came out, whatever that leads to."""
        self.inputs = None
        try:
            self.asked.settle(self.row, outcome)
        except Exception:
            log.event("answer_failed", "ERROR", exception=True)


class Lane:
    """The one thread that predicts with a model. Any number of threads may call its methods.

    Args:
        title: what log lines and errors call the model.
        model: the loaded model.
        limit: places, those being predicted and those whose inputs are still read included.
        max_batch: predictions that share a pass at most.
    """

    def __init__(self, title: str, model: LoadedModel, *, limit: int, max_batch: int) -> None:
        self.title, self.model = title, model
        self._limit, self._max_batch = limit, max_batch
        self._lock = threading.Lock()
        self._has_work = threading.Condition(self._lock)
        self._has_left = threading.Condition(self._lock)
        self._places: set[Place] = set()
        self._waiting: deque[_Work] = deque()
        self._running: frozenset[Place] = frozenset()
        self._running_since: float | None = None
        self._took_s: deque[float] = deque(maxlen=_REMEMBERED)
        self._each_s = 0.0
        self._last_done_at = 0.0
        self._is_closed, self._is_ending = False, False
        self._thread = threading.Thread(target=self._work, name=f"lane {title}", daemon=True)
        self._thread.start()

    @property
    def taken(self) -> int:
        """How many places are taken."""
        return len(self._places)

    @property
    def running_s(self) -> float:
        """How long the pass that runs has been running; 0 where none does.

        One of what is spare counts only once somebody waits for it.
        """
        since = self._running_since
        is_waited_for = self._places or self._running
        return 0.0 if since is None or not is_waited_for else time.monotonic() - since

    @property
    def is_idle(self) -> bool:
        """Whether nobody has a place and nothing runs."""
        return not self._places and self._running_since is None

    def enter(self, *, timeout_s: float, is_gone: IsGone | None = None) -> Place:
        """Return a place for one prediction.

        Raises InferenceOverloaded, or InferenceUnavailable where the lane is closed.
        """
        place = Place(self, timeout_s, is_gone)
        with self._lock:
            if self._is_closed:
                raise stopping()
            # One that was given up while it ran keeps the thread busy until it has run.
            before = self._places | self._running if self._running else self._places
            others, each_s = len(before), self._each_s
            wait_s = sum(one.rows for one in before) * each_s
            if others >= self._limit:
                raise InferenceOverloaded(
                    f"{others} requests are in work or wait already; at most {self._limit} may",
                    wait_s or RETRY_AFTER_S,
                    min(_FULL_SHARE * wait_s, _LONGEST_FULL_S),
                )
            # With nobody before it a request is tried in any case: that is how it is learnt when
            # a model has become faster.
            needed_s = _RESERVE * (wait_s + each_s)
            if others and needed_s > timeout_s:
                raise InferenceOverloaded(
                    f"this request would take about {needed_s:.1f} s, behind "
                    f"{others} others, and has {timeout_s:.1f} s",
                    max(needed_s - timeout_s, 1),
                )
            self._places.add(place)
        return place

    def spare(self, timeout_s: float) -> Place | None:
        """Return a place that counts for nobody; None where the lane is not idle, or closed."""
        with self._lock:
            if self._is_closed or self._waiting or not self.is_idle:
                return None
            return Place(self, timeout_s, None, is_spare=True)

    def leave(self, place: Place) -> None:
        """Take a place back."""
        with self._lock:
            self._places.discard(place)
            if not self._places:
                self._has_left.notify_all()

    def submit(self, works: Iterable[_Work]) -> None:
        """Let the works wait for their passes; raises InferenceUnavailable."""
        with self._lock:
            if self._is_ending:
                raise stopping()
            self._waiting.extend(works)
            self._has_work.notify()

    def close(self, drain_s: float = 0.0) -> None:
        """Give no more places, wait for those that are taken, finish what waits, end the thread.

        Whoever has a place and has not asked for its prediction within `drain_s` is refused.
        """
        with self._lock:
            self._is_closed = True
            self._has_left.wait_for(lambda: not self._places, drain_s)
            self._is_ending = True
            self._has_work.notify()
        self._thread.join()

    def _work(self) -> None:
        # While it waits for the next pass, the last inputs must not stay in memory: no name here
        # holds them.
        while self._has_worked():
            pass

    def _has_worked(self) -> bool:
        """Wait for work and do a pass of it; say whether there may be more."""
        with self._lock:
            self._has_work.wait_for(lambda: self._waiting or self._is_ending)
            if not self._waiting:
                return False
            works = self._next()
        if works and not self._has_predicted(works):
            for work in works:
                # Its caller may have given up while the others' pass ran.
                if work.is_wanted():
                    self._has_predicted([work])
        return True

    def _next(self) -> list[_Work]:
        """Take the first that waits and, in order, those that may share its pass."""
        taken: list[_Work] = []
        left: list[_Work] = []
        most = 1
        while self._waiting and len(taken) < most:
            work = self._waiting.popleft()
            if taken and work.key != taken[0].key:
                left.append(work)
            elif work.is_wanted():
                most = self._most_with(work) if not taken else most
                taken.append(work)
        self._waiting.extendleft(reversed(left))
        return taken

    def _most_with(self, first: _Work) -> int:
        """Return how many may be in one pass: no more than the first has time for."""
        if first.key is None:
            return 1
        each_s = self._each_s
        in_time = int(first.place.left_s / each_s) if each_s else self._max_batch
        return max(1, min(self._max_batch, in_time))

    def _has_predicted(self, works: Sequence[_Work]) -> bool:
        """Do one pass; say whether each has its outcome, which alone it has in any case."""
        self._running = frozenset(work.place for work in works if not work.place.is_spare)
        self._running_since, started_at = time.monotonic(), time.perf_counter()
        try:
            results = self.model.predict(
                [work.inputs for work in works if work.inputs is not None],
                [work.told for work in works],
            )
            answered = list(zip(works, results, strict=True))
        except BaseException as error:
            # BaseException: a SystemExit out of a framework must not end the only thread.
            return self._has_failed(works, error)
        finally:
            self._running, self._running_since = frozenset(), None
        took_ms = 1000 * (time.perf_counter() - started_at)
        self._remember(works)
        for work, result in answered:
            queue_ms = 1000 * (started_at - work.queued_at)
            work.settle(Outcome(result, queue_ms, took_ms))
        return True

    def _has_failed(self, works: Sequence[_Work], error: BaseException) -> bool:
        """Log why a pass failed; say whether each has its outcome."""
        reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0][:_LONGEST_REASON]}"
        if len(works) > 1:
            # One input may be the cause: each is tried alone.
            count = len(works)
            log.event("batch_failed", "WARNING", model=self.title, requests=count, error=reason)
            return False
        if isinstance(error, InputError):
            works[0].settle(error)
            return True
        log.event("prediction_failed", "ERROR", model=self.title, exception=True)
        works[0].settle(InferenceFailed(f"{self.title}: {reason}"))
        return True

    def _remember(self, works: Sequence[_Work]) -> None:
        """Learn how long a place is taken, as the median of the last passes.

        That is from when the pass before was done, or from the first one's entry where that was
        later, for each of those who shared it: what makes places come free slowly may be the
        reading of inputs, not the model.
        """
        done_at = time.monotonic()
        with self._lock:
            began_at = max(min(work.place.entered_at for work in works), self._last_done_at)
            self._took_s.append((done_at - began_at) / len(works))
            self._each_s = statistics.median(self._took_s)
            self._last_done_at = done_at


class Place:
    """A place in a lane's queue, until `close`; made by `Lane.enter`."""

    def __init__(
        self, lane: Lane, timeout_s: float, is_gone: IsGone | None, *, is_spare: bool = False
    ) -> None:
        self._lane, self.is_spare = lane, is_spare
        self._timeout_s = timeout_s
        self.rows = 1
        self.entered_at = time.monotonic()
        self._is_gone = is_gone

    @property
    def left_s(self) -> float:
        """How long whoever asked can still wait."""
        return self.entered_at + self._timeout_s - time.monotonic()

    def is_gone(self) -> bool:
        """Say whether whoever asked has hung up."""
        return self._is_gone is not None and self._is_gone()

    def close(self) -> None:
        """Give the place away; may be called again."""
        self._lane.leave(self)

    def ask(
        self, rows: Sequence[Tensors], told: Mapping[str, Any], done: Callable[[Asked], None]
    ) -> Asked:
        """Let all rows wait for their turn, each for the one before it; see `Asked`.

        Raises InferenceUnavailable where the lane has ended.
        """
        together, self.rows = self._lane.model.together, len(rows)
        asked = Asked(self, len(rows), done)
        self._lane.submit(
            [
                _Work(asked, row, inputs, told, together(inputs, told))
                for row, inputs in enumerate(rows)
            ]
        )
        return asked

    def wait(self, rows: Sequence[Tensors], told: Mapping[str, Any]) -> Asked:
        """Ask, and wait until all have their outcome or one has failed.

        Raises InferenceTimeout, InferenceUnavailable, or CallerGone.
        """
        is_done = threading.Event()
        asked = self.ask(rows, told, lambda _: is_done.set())
        # An error's traceback holds this frame, and would hold the inputs in it.
        del rows
        try:
            while not is_done.wait(min(_POLL_S, max(0.0, self.left_s))):
                if self.is_gone():
                    raise CallerGone
                if self.left_s <= 0:
                    raise InferenceTimeout(self._timeout_s)
        finally:
            # Do not predict for nobody when the turn comes.
            asked.give_up()
        return asked


def stopping() -> InferenceUnavailable:
    """Return what is said to whoever asks when the process ends."""
    return InferenceUnavailable("inference is stopping", RETRY_AFTER_S)
