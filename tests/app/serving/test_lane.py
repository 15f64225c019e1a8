"""The lane of a model: one pass after the other, from a queue that has an end."""

from __future__ import annotations

import contextlib
import io
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from app.kinds.kind import InputError
from app.serving.client import IsGone
from app.serving.errors import (
    CallerGone,
    InferenceFailed,
    InferenceOverloaded,
    InferenceTimeout,
    InferenceUnavailable,
)
from app.serving.lane import Lane, Outcome
from tests.app.serving.gate import Gate, lane_of, run
from tests.app.serving.inference_process import wait_for


@pytest.fixture
def lane(gate: Gate) -> Iterator[Lane]:
    yield from lane_of(gate, limit=3, max_batch=1)


@pytest.fixture
def predict(lane: Lane, gate: Gate) -> Callable[..., Outcome]:
    """Return a function that enters and predicts; its number is how the gate remembers it."""

    def predict(number: float = 0, *, timeout_s: float = 10, is_gone: IsGone | None = None):
        place = lane.enter(timeout_s=timeout_s, is_gone=is_gone)
        with contextlib.closing(place):
            return run(place, number)

    return predict


@pytest.fixture
def background() -> Iterator[Callable]:
    """Return a function that calls another in a thread and gives its future."""
    with ThreadPoolExecutor(8) as pool:
        yield pool.submit


def test_a_prediction_tells_what_it_took(predict, gate: Gate):
    gate.is_open.set()
    outcome = predict(1, timeout_s=5)
    assert outcome.result["y"].tolist() == [1, 1, 1, 1]
    assert outcome.queue_ms >= 0
    assert outcome.inference_ms >= 0


@pytest.fixture
def full(lane: Lane, gate: Gate, predict, background) -> list[Future]:
    """Fill the lane: one prediction runs, two wait in order."""
    futures = [background(predict, 0)]
    wait_for(lambda: gate.asked, "the first one runs")
    for number in (1, 2):
        futures.append(background(predict, number))
        wait_for(lambda n=number: lane.taken == n + 1, "it waits")
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


def test_a_place_counts_while_its_input_is_read(lane: Lane, gate: Gate):
    places = [lane.enter(timeout_s=5) for _ in range(3)]
    with pytest.raises(InferenceOverloaded):
        lane.enter(timeout_s=5)
    places[1].close()
    places[1].close()
    lane.enter(timeout_s=5)
    assert lane.taken == 3


def test_what_would_come_too_late_is_refused_at_once(lane: Lane, gate: Gate, predict):
    gate.is_open.set()
    gate.delay_s = 0.2
    predict()
    ahead = lane.enter(timeout_s=5)
    with pytest.raises(InferenceOverloaded, match=r"about 0.[4-9] s, behind 1 others") as refusal:
        lane.enter(timeout_s=0.3)
    assert refusal.value.retry_after_s >= 1
    lane.enter(timeout_s=60).close()
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
    lane: Lane, gate: Gate, predict, background
):
    running = background(predict, 1)
    wait_for(lambda: gate.asked, "the first one runs")
    has_hung_up = threading.Event()
    waiting = background(predict, 2, is_gone=has_hung_up.is_set)
    wait_for(lambda: lane.taken == 2, "the second one waits")
    has_hung_up.set()
    with pytest.raises(CallerGone):
        waiting.result(5)
    assert lane.taken == 1
    gate.is_open.set()
    running.result(5)
    predict(3)
    assert gate.asked == [1, 3]


def test_one_that_was_given_up_while_it_ran_still_counts(lane: Lane, gate: Gate, predict):
    with pytest.raises(InferenceTimeout):
        predict(1, timeout_s=0.05)
    assert lane.running_s > 0
    for _ in range(2):
        lane.enter(timeout_s=5)
    with pytest.raises(InferenceOverloaded):
        lane.enter(timeout_s=5)
    gate.is_open.set()
    wait_for(lambda: lane.running_s == 0, "it has run")
    lane.enter(timeout_s=5)


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
    assert predict(1).result["y"][0] == 1


def test_an_input_that_a_model_refuses_while_it_runs_is_told_and_no_failure(
    gate: Gate, predict, log_stream: io.StringIO
):
    gate.is_open.set()
    gate.error = InputError("no picture", name="x")
    with pytest.raises(InputError, match="no picture"):
        predict()
    assert "prediction_failed" not in log_stream.getvalue()


def test_a_closed_lane_refuses(lane: Lane):
    lane.close()
    lane.close()
    with pytest.raises(InferenceUnavailable, match="stopping"):
        lane.enter(timeout_s=5)
