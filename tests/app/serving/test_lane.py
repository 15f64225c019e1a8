"""The engine: one prediction after the other, from a queue that has an end."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from app.kinds.kind import Signature
from app.kinds.tensors import Tensors
from app.serving.client import IsGone
from app.serving.engine import Engine, Outcome
from app.serving.errors import (
    CallerGone,
    InferenceFailed,
    InferenceOverloaded,
    InferenceTimeout,
    InferenceUnavailable,
)
from tests.app.serving.inference_process import wait_for

INPUTS = {"x": np.zeros(4, np.float32)}


class Gate:
    """A model that answers when its gate is open, and remembers what it was asked."""

    signature = Signature((), ())
    facts: dict[str, object] = {}  # noqa: RUF012 - read alone

    def __init__(self) -> None:
        self.is_open = threading.Event()
        self.asked: list[float] = []
        self.error: BaseException | None = None
        self.delay_s = 0.0

    def describe(self) -> dict[str, object]:
        return {}

    def warm_up(self) -> None:
        pass

    def check(self, inputs: Tensors) -> None:
        pass

    def together(self, inputs: Tensors, asked: Mapping[str, Any]) -> None:
        pass

    def predict(
        self, inputs: Sequence[Tensors], asked: Sequence[Mapping[str, Any]]
    ) -> list[Tensors]:
        self.asked += [one["number"] for one in asked]
        assert self.is_open.wait(10)
        time.sleep(self.delay_s)
        if self.error:
            raise self.error
        return [{"y": one["x"] + 1} for one in inputs]


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def engine(gate: Gate) -> Iterator[Engine]:
    engine = Engine(3)
    yield engine
    gate.is_open.set()
    engine.close()


@pytest.fixture
def predict(engine: Engine, gate: Gate) -> Callable[..., Outcome]:
    """Return a function that enters and predicts; its number is how the gate remembers it."""

    def predict(number: float = 0, *, timeout_s: float = 10, is_gone: IsGone | None = None):
        place = engine.enter("gate version 1", gate, timeout_s=timeout_s, is_gone=is_gone)
        with contextlib.closing(place):
            return place.run(INPUTS, {"number": number})

    return predict


@pytest.fixture
def background() -> Iterator[Callable]:
    """Return a function that calls another in a thread and gives its future."""
    with ThreadPoolExecutor(8) as pool:
        yield pool.submit


def test_a_prediction_tells_what_it_took(predict, gate: Gate):
    gate.is_open.set()
    outcome = predict(timeout_s=5)
    assert outcome.result["y"].tolist() == [1, 1, 1, 1]
    assert outcome.queue_ms >= 0
    assert outcome.inference_ms >= 0


@pytest.fixture
def full(engine: Engine, gate: Gate, predict, background) -> list[Future]:
    """Fill the engine: one prediction runs, two wait in order."""
    futures = [background(predict, 0)]
    wait_for(lambda: gate.asked, "the first one runs")
    for number in (1, 2):
        futures.append(background(predict, number))
        wait_for(lambda n=number: engine.taken == n + 1, "it waits")
    return futures


def test_predictions_run_in_the_order_of_their_arrival(gate: Gate, full: list[Future]):
    gate.is_open.set()
    for future in full:
        future.result(10)
    assert gate.asked == [0, 1, 2]


def test_where_all_places_are_taken_the_next_one_is_refused_at_once(
    predict, gate: Gate, full: list[Future]
):
    with pytest.raises(
        InferenceOverloaded, match=r"3 requests .* wait already; at most 3"
    ) as refused:
        predict(3)
    assert refused.value.retry_after_s > 0
    gate.is_open.set()
    for future in full:
        future.result(10)
    assert gate.asked == [0, 1, 2]


def test_a_place_counts_while_its_photo_is_decoded(engine: Engine, gate: Gate):
    places = [engine.enter("gate version 1", gate, timeout_s=5) for _ in range(3)]
    with pytest.raises(InferenceOverloaded):
        engine.enter("gate version 1", gate, timeout_s=5)
    places[1].close()
    places[1].close()
    engine.enter("gate version 1", gate, timeout_s=5)
    assert engine.taken == 3


def test_what_would_come_too_late_is_refused_at_once(engine: Engine, gate: Gate, predict):
    gate.is_open.set()
    gate.delay_s = 0.2
    predict()
    ahead = engine.enter("gate version 1", gate, timeout_s=5)
    with pytest.raises(InferenceOverloaded, match=r"about 0.[4-9] s, behind 1 others") as refusal:
        engine.enter("gate version 1", gate, timeout_s=0.3)
    assert refusal.value.retry_after_s >= 1
    engine.enter("gate version 1", gate, timeout_s=60).close()
    ahead.close()
    # With nobody ahead it is tried: a model may have become faster.
    gate.delay_s = 0
    predict(timeout_s=0.19)


def test_what_nobody_waits_for_any_more_is_not_run(gate: Gate, predict, background):
    running = background(predict, 1)
    wait_for(lambda: gate.asked, "the first one runs")
    with pytest.raises(InferenceTimeout, match=r"within 0.05 s"):
        predict(2, timeout_s=0.05)
    gate.is_open.set()
    running.result(5)
    predict(3)
    assert gate.asked == [1, 3]


def test_what_a_caller_who_hung_up_asked_for_is_not_run(
    engine: Engine, gate: Gate, predict, background
):
    running = background(predict, 1)
    wait_for(lambda: gate.asked, "the first one runs")
    has_hung_up = threading.Event()
    waiting = background(predict, 2, is_gone=has_hung_up.is_set)
    wait_for(lambda: engine.taken == 2, "the second one waits")
    has_hung_up.set()
    with pytest.raises(CallerGone):
        waiting.result(5)
    assert engine.taken == 1
    gate.is_open.set()
    running.result(5)
    predict(3)
    assert gate.asked == [1, 3]


def test_one_that_was_given_up_while_it_ran_still_counts(engine: Engine, gate: Gate, predict):
    with pytest.raises(InferenceTimeout):
        predict(1, timeout_s=0.05)
    assert engine.running_s > 0
    for _ in range(2):
        engine.enter("gate version 1", gate, timeout_s=5)
    with pytest.raises(InferenceOverloaded):
        engine.enter("gate version 1", gate, timeout_s=5)
    gate.is_open.set()
    wait_for(lambda: engine.running_s == 0, "it has run")
    engine.enter("gate version 1", gate, timeout_s=5)


def test_a_prediction_that_takes_too_long_is_given_up(predict):
    started_at = time.monotonic()
    with pytest.raises(InferenceTimeout):
        predict(timeout_s=0.05)
    assert time.monotonic() - started_at < 2


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ValueError("of the model"), id="error"),
        pytest.param(TimeoutError(), id="its own timeout"),
        pytest.param(SystemExit(1), id="exit"),
    ],
)
def test_a_model_that_raises_fails_one_prediction(gate: Gate, predict, error):
    gate.is_open.set()
    gate.error = error
    with pytest.raises(InferenceFailed, match=f"gate version 1: {type(error).__name__}"):
        predict()
    gate.error = None
    assert predict().result["y"][0] == 1


def test_a_closed_engine_refuses(gate: Gate):
    engine = Engine(1)
    engine.close()
    engine.close()
    with pytest.raises(InferenceUnavailable, match="stopping"):
        engine.enter("gate version 1", gate, timeout_s=5)
