"""The one thread that loads: at the start, at each look at the repository, and when it is told."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial

from app import log
from app.serving.entries import Entry
from app.serving.errors import ModelNotReady
from app.serving.mirroring import Mirror, MirrorError
from app.serving.repository import ModelRepository


class Loader:
    """Loads a repository's models from its making on, one after the other.

    Args:
        repository: whose models they are.
        retire: called with what was ready and is not served any more.
        mirror: of the bucket that they lie in, if it is one.
    """

    def __init__(
        self,
        repository: ModelRepository,
        retire: Callable[[Iterable[Entry]], None],
        mirror: Mirror | None = None,
    ) -> None:
        self._repository, self._retire, self._mirror = repository, retire, mirror
        self._poll_s: float | None = None
        self._tasks: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._has_loaded = threading.Event()
        self._is_closed = False
        self._told: dict[str, str] = {}
        # A daemon: a model that is still being loaded does not keep a process from ending.
        threading.Thread(target=self._run, name="loader", daemon=True).start()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until every model has loaded or failed; say whether that is so."""
        return self._has_loaded.wait(timeout_s)

    def keep_up(self, poll_s: float) -> None:
        """From now on look each `poll_s` for what has come to the repository, and what has gone."""
        self._poll_s = poll_s
        self._tasks.put(lambda: None)

    def load(self, name: str, timeout_s: float) -> None:
        """Load a model in its turn and wait for that; raises ServingError."""
        told: Future[None] = Future()
        self._tasks.put(partial(self._load, name, told))
        try:
            told.result(timeout_s)
        except TimeoutError:
            reason = f"{name} is not ready within {timeout_s:g} s; it goes on being loaded"
            raise ModelNotReady(reason) from None

    def close(self) -> None:
        """Begin nothing any more."""
        self._is_closed = True
        self._tasks.put(lambda: None)

    def _run(self) -> None:
        self._attempt(self._begin)
        self._has_loaded.set()
        looked_at = time.monotonic()
        while not self._is_closed:
            poll_s = self._poll_s
            left_s = None if poll_s is None else max(0.0, looked_at + poll_s - time.monotonic())
            try:
                self._attempt(self._tasks.get(timeout=left_s))
            except queue.Empty:
                self._attempt(self._look)
                looked_at = time.monotonic()

    def _attempt(self, work: Callable[[], None]) -> None:
        """Do what must not end the thread: what serves goes on, and the next may succeed."""
        try:
            work()
        except Exception as error:
            self._tell("reconcile_failed", error)
        else:
            self._told.pop("reconcile_failed", None)

    def _begin(self) -> None:
        if self._mirror is not None:
            self._repository.find(self._mirrored())
        self._repository.load()

    def _look(self) -> None:
        self._retire(self._repository.reconcile(self._mirrored()))

    def _mirrored(self, now: str | None = None) -> str | None:
        """Have the mirror be as the bucket is; return why it is not, None where it is."""
        if self._mirror is None:
            return None
        try:
            self._mirror.sync(now)
        except MirrorError as error:
            return str(error)
        except Exception as error:
            return self._tell("mirror_failed", error)
        self._told.pop("mirror_failed", None)
        return None

    def _tell(self, event: str, error: Exception) -> str:
        """Log a surprise, once for as long as it is the same; return it in words."""
        words = f"{type(error).__name__}: {error}"
        if self._told.get(event) != words:
            log.event(event, "ERROR", exception=True)
            self._told[event] = words
        return words

    def _load(self, name: str, told: Future[None]) -> None:
        retired: list[Entry] = []
        try:
            retired = self._repository.take_up(name, self._mirrored(name))
            self._repository.check_served(name)
        except Exception as error:
            told.set_exception(error)
        else:
            told.set_result(None)
        self._retire(retired)
