"""The engine: one prediction after the other, from a queue that has an end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

from app.kinds.kind import Parameters
from app.serving.engine import Engine, Work
from app.serving.errors import InferenceFailed, InferenceTimeout, InferenceUnavailable
from mrcnn.instances import Instances
from tests.app.serving.inference_process import wait_for

IMAGE = np.zeros((4, 5, 3), np.uint8)


class Gate:
    """A model that answers when its gate is open, and remembers what it was asked."""

    kind = "gate"
    labels = ("a",)

    def __init__(self) -> None:
        self.is_open = threading.Event()
        self.asked: list[float | None] = []
        self.error: BaseException | None = None

    def describe(self) -> dict[str, object]:
        return {}

    def warm_up(self) -> None:
        pass

    def predict(
        self, images: Sequence[np.ndarray], parameters: Sequence[Parameters]
    ) -> list[Instances]:
        self.asked += [one.min_score for one in parameters]
        assert self.is_open.wait(10)
        if self.error:
            raise self.error
        return [Instances.empty(image.shape[:2]) for image in images]

    def work(self, number: float = 0) -> Work:
        return Work("gate version 1", self, IMAGE, Parameters(min_score=number))


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def engine(gate: Gate) -> Iterator[Engine]:
    engine = Engine(queue_limit=2)
    yield engine
    gate.is_open.set()
    engine.close()


@pytest.fixture
def background() -> Iterator[Callable]:
    """Return a function that calls another in a thread and gives its future."""
    with ThreadPoolExecutor(8) as pool:
        yield pool.submit


def test_a_prediction_tells_what_it_took(engine: Engine, gate: Gate):
    gate.is_open.set()
    outcome = engine.run(gate.work(), timeout_s=5)
    assert outcome.instances.image_size == (4, 5)
    assert outcome.queue_ms >= 0
    assert outcome.inference_ms >= 0


@pytest.fixture
def full(engine: Engine, gate: Gate, background) -> list[Future]:
    """Fill the engine: one prediction runs, two wait in order."""
    futures = [background(engine.run, gate.work(0), timeout_s=10)]
    wait_for(lambda: gate.asked, "the first one runs")
    for number in (1, 2):
        futures.append(background(engine.run, gate.work(number), timeout_s=10))
        wait_for(lambda n=number: engine.waiting == n, "it waits")
    return futures


def test_predictions_run_in_the_order_of_their_arrival(gate: Gate, full: list[Future]):
    gate.is_open.set()
    for future in full:
        future.result(10)
    assert gate.asked == [0, 1, 2]


def test_a_full_queue_refuses_at_once(engine: Engine, gate: Gate, full: list[Future]):
    with pytest.raises(InferenceUnavailable, match="2 requests wait already") as refusal:
        engine.run(gate.work(3), timeout_s=10)
    assert refusal.value.retry_after_s > 0
    gate.is_open.set()
    for future in full:
        future.result(10)
    assert gate.asked == [0, 1, 2]


def test_what_nobody_waits_for_any_more_is_not_run(engine: Engine, gate: Gate, background):
    running = background(engine.run, gate.work(1), timeout_s=5)
    wait_for(lambda: gate.asked, "the first one runs")
    with pytest.raises(InferenceTimeout, match=r"within 0.05 s"):
        engine.run(gate.work(2), timeout_s=0.05)
    gate.is_open.set()
    running.result(5)
    engine.run(gate.work(3), timeout_s=5)
    assert gate.asked == [1, 3]


def test_a_prediction_that_takes_too_long_is_given_up(engine: Engine, gate: Gate):
    started_at = time.monotonic()
    with pytest.raises(InferenceTimeout):
        engine.run(gate.work(), timeout_s=0.05)
    assert time.monotonic() - started_at < 2


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ValueError("of the model"), id="error"),
        pytest.param(TimeoutError(), id="its own timeout"),
        pytest.param(SystemExit(1), id="exit"),
    ],
)
def test_a_model_that_raises_fails_one_prediction(engine: Engine, gate: Gate, error):
    gate.is_open.set()
    gate.error = error
    with pytest.raises(InferenceFailed, match=f"gate version 1: {type(error).__name__}"):
        engine.run(gate.work(), timeout_s=5)
    gate.error = None
    assert len(engine.run(gate.work(), timeout_s=5).instances) == 0


def test_a_closed_engine_refuses(gate: Gate):
    engine = Engine()
    engine.close()
    engine.close()
    with pytest.raises(InferenceUnavailable, match="stopping"):
        engine.run(gate.work(), timeout_s=5)
