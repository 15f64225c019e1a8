"""How many requests one HTTP worker has in work at once, and what it does not even begin.

Its threads share the interpreter's lock. With all of them at work each waits for all others at
every step, those that only have a request to refuse as well, and what nobody has looked at yet
waits unseen. So few work at a time, more wait for their turn, and the rest is free to refuse.
"""

from __future__ import annotations

import threading
import time
from collections import deque

from app.serving.errors import InferenceOverloaded

# Decoders run without the lock, what is around them does not: more would wait for each other.
_AT_WORK = 4
# So many are let in in any case: they may be in other stages than those that take a place.
_LEAST_INSIDE = 8
# Those that wait for news, or send a whole log, hold a thread for long: of all threads a part.
_MOST_LINGERING = 4
_RETRY_AFTER_S = 1.0
# How long no request may have been refused until there is room for all again.
_CALM_AFTER_S = 10.0


#: A model's name and version as a request names them, or does not.
Model = tuple[str | None, int | str | None]


def most_at_once(places: int, processes: int) -> int:
    """Return how many predictions of one model are worth passing on to all processes together.

    Besides those that have a place in its queue, there are those that are read or rendered.
    """
    return max(places, _LEAST_INSIDE) + _AT_WORK * processes


class Turns:
    """A semaphore that is given in the order in which it is asked for.

    Python's own lets who comes just then overtake who waits, who then waits behind all others.
    """

    def __init__(self, count: int) -> None:
        self._lock = threading.Lock()
        self._free = count
        self._waiting: deque[threading.Lock] = deque()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def acquire(self) -> None:
        """Wait for a turn."""
        with self._lock:
            if self._free:
                self._free -= 1
                return
            gate = threading.Lock()
            gate.acquire()
            self._waiting.append(gate)
        gate.acquire()

    def release(self) -> None:
        """Hand the turn on to who has waited longest."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1


class Admission:
    """Who may ask for a prediction, of one process's requests. Safe to share between threads.

    Args:
        threads: of this process, HTTP_THREADS. An eighth of them is kept for refusals and health
            checks.
    """

    def __init__(self, threads: int) -> None:
        self._most = threads - threads // 8
        self._most_lingering = min(_MOST_LINGERING, threads // 2)
        self._lock = threading.Lock()
        self._inside = self._lingering = 0
        self._at_work = Turns(_AT_WORK)
        self._thread = threading.local()
        # By what was refused, until when that holds; a model that is not there is none of them.
        self._refused: dict[Model, tuple[float, InferenceOverloaded]] = {}
        self._refused_at: dict[Model, float] = {}
        self._answered: set[Model] = set()

    def expects_place(self, model: Model) -> bool:
        """Say whether a place is likely: the model has answered, and has long refused nobody."""
        refused_at = self._refused_at.get(model)
        is_calm = refused_at is None or time.monotonic() - refused_at > _CALM_AFTER_S
        return is_calm and model in self._answered

    def note_answer(self, model: Model) -> None:
        """Remember that the model, as a request named it, has answered."""
        self._answered.add(model)

    def note_refusal(self, model: Model, error: InferenceOverloaded) -> None:
        """Remember that the model's queue has refused a request, and for how long it is full."""
        now = time.monotonic()
        self._refused_at[model] = now
        if error.full_s > 0:
            self._refused[model] = now + error.full_s, error

    def refusal(self, model: Model) -> InferenceOverloaded | None:
        """Return what the model's queue said, as long as that holds for whoever asks the model."""
        until, error = self._refused.get(model, (0.0, None))
        if error is None or time.monotonic() >= until:
            return None
        # Another one: what is raised keeps the frames, and the inputs, that it came through.
        return InferenceOverloaded(*error.args)

    def enter(self) -> InferenceOverloaded | None:
        """Let this thread's request in and to work, or return why not."""
        with self._lock:
            if self._inside >= self._most:
                reason = f"{self._inside} requests are in work or wait already"
                return InferenceOverloaded(reason, _RETRY_AFTER_S)
            self._inside += 1
        self.work()
        return None

    def leave(self) -> None:
        """Count the request out that was let in."""
        self.rest()
        with self._lock:
            self._inside -= 1

    def linger(self) -> InferenceOverloaded | None:
        """Let in a request that will hold its thread for long without work, or return why not."""
        with self._lock:
            if self._lingering >= self._most_lingering:
                reason = f"{self._lingering} requests of this process follow the log already"
                return InferenceOverloaded(reason, _RETRY_AFTER_S)
            if self._inside >= self._most:
                reason = f"{self._inside} requests are in work or wait already"
                return InferenceOverloaded(reason, _RETRY_AFTER_S)
            self._inside += 1
            self._lingering += 1
        return None

    def part(self) -> None:
        """Count a request out that lingered."""
        with self._lock:
            self._inside -= 1
            self._lingering -= 1

    def work(self) -> None:
        """Wait for this thread's turn to use a core, unless it has one."""
        if not getattr(self._thread, "is_at_work", False):
            self._at_work.acquire()
            self._thread.is_at_work = True

    def rest(self) -> None:
        """Let another thread work, since this one will wait."""
        if getattr(self._thread, "is_at_work", False):
            self._thread.is_at_work = False
            self._at_work.release()
