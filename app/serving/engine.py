"""Runs predictions one after the other in one thread, from a bounded queue.

One thread, because the network already uses every core; a bound, because a request that would
wait for minutes is better refused at once.
"""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app import log
from app.kinds.kind import LoadedModel, Parameters
from app.serving.errors import InferenceFailed, InferenceTimeout, InferenceUnavailable
from mrcnn.instances import Instances

QUEUE_LIMIT = 64
RETRY_AFTER_S = 5.0

_LONGEST_REASON = 300


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one prediction gave and what it took."""

    instances: Instances
    queue_ms: float
    inference_ms: float


@dataclass(frozen=True, eq=False)
class Work:
    """One prediction to make: `title` is how the log and errors call the model."""

    title: str
    model: LoadedModel
    image: NDArray[np.uint8]
    parameters: Parameters
    queued_at: float = field(default_factory=time.perf_counter)
    outcome: Future[Outcome] = field(default_factory=Future)


class Engine:
    """The one thread that predicts. `run` may be called from any number of threads."""

    def __init__(self, queue_limit: int = QUEUE_LIMIT) -> None:
        self._waiting: queue.Queue[Work | None] = queue.Queue(queue_limit)
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="inference", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many predictions wait for their turn."""
        return self._waiting.qsize()

    def run(self, work: Work, *, timeout_s: float) -> Outcome:
        """Wait for the turn and the prediction.

        Raises InferenceTimeout, InferenceFailed, or InferenceUnavailable where the queue is full.
        """
        if self._is_closed:
            raise InferenceUnavailable("inference is stopping", RETRY_AFTER_S)
        try:
            self._waiting.put_nowait(work)
        except queue.Full:
            raise InferenceUnavailable(
                f"{self._waiting.maxsize} requests wait already", RETRY_AFTER_S
            ) from None
        try:
            return work.outcome.result(timeout_s)
        except TimeoutError:
            # Whoever waited is gone: do not predict for nobody when the turn comes.
            work.outcome.cancel()
            raise InferenceTimeout(timeout_s) from None
        finally:
            # An error's traceback holds this frame, and the work its error: without this the photo
            # would stay in memory until the next garbage collection.
            del work

    def close(self) -> None:
        """Refuse new work, finish what waits, end the thread."""
        if not self._is_closed:
            self._is_closed = True
            self._waiting.put(None)
            self._thread.join()

    def _work(self) -> None:
        while (work := self._waiting.get()) is not None:
            if work.outcome.set_running_or_notify_cancel():
                _predict(work)
            # While it waits for the next one, the last photo must not stay in memory.
            del work


def _predict(work: Work) -> None:
    started_at = time.perf_counter()
    try:
        (instances,) = work.model.predict([work.image], [work.parameters])
    except BaseException as error:
        # BaseException: a SystemExit out of a framework must not end the only thread.
        log.event("prediction_failed", "ERROR", model=work.title, exception=True)
        first_line = str(error).partition("\n")[0][:_LONGEST_REASON]
        reason = f"{work.title}: {type(error).__name__}: {first_line}"
        work.outcome.set_exception(InferenceFailed(reason))
        return
    work.outcome.set_result(
        Outcome(
            instances,
            queue_ms=1000 * (started_at - work.queued_at),
            inference_ms=1000 * (time.perf_counter() - started_at),
        )
    )
