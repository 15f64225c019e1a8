"""Batches: what waits with one key goes through its model in one pass."""

from __future__ import annotations

import contextlib
import io
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from app.serving.errors import CallerGone, InferenceFailed, InferenceOverloaded, InferenceTimeout
from app.serving.lane import Lane, Outcome
from tests.app.serving.gate import Gate, lane_of, run
from tests.app.serving.inference_process import wait_for

Ask = Callable[..., Future[Outcome]]


@pytest.fixture
def lane(gate: Gate) -> Iterator[Lane]:
    yield from lane_of(gate, limit=32, max_batch=3)


@pytest.fixture
def ask(lane: Lane) -> Iterator[Ask]:
    """Return a function that asks for numbers in the background, each once the last one waits."""

    def wait(number: float, key: str | None, options: dict[str, Any]) -> Outcome:
        with contextlib.closing(lane.enter(**{"timeout_s": 10, **options})) as place:
            return run(place, number, key)

    with ThreadPoolExecutor(16) as pool:

        def ask(number: float, key: str | None = "a", **options: Any) -> Future[Outcome]:
            before = lane.taken
            future = pool.submit(wait, number, key, options)
            wait_for(lambda: lane.taken == before + 1, "it has a place")
            # From its place to the queue is a step that cannot be seen from here.
            threading.Event().wait(0.03)
            return future

        yield ask


@pytest.fixture
def first(ask: Ask, gate: Gate) -> Future[Outcome]:
    """Return the prediction, number 0, that runs while others come."""
    future = ask(0)
    wait_for(lambda: gate.passes, "the first one runs")
    return future


def answers(futures: list[Future[Outcome]]) -> list[float]:
    return [float(future.result(10).result["y"][0]) for future in futures]


def test_what_waits_with_one_key_shares_the_next_pass(gate: Gate, first: Future[Outcome], ask: Ask):
    futures = [first, ask(1), ask(2)]
    gate.is_open.set()
    assert answers(futures) == [0, 1, 2]
    assert gate.passes == [[0], [1, 2]]


def test_those_of_a_pass_each_tell_their_own_wait_and_the_time_of_the_pass(
    gate: Gate, first: Future[Outcome], ask: Ask
):
    gate.delay_s = 0.1
    futures = [ask(1), ask(2)]
    gate.is_open.set()
    one, two = (future.result(10) for future in futures)
    assert one.inference_ms == two.inference_ms >= 100
    assert one.queue_ms > two.queue_ms >= 100


def test_a_pass_takes_no_more_than_the_model_may_have_at_once(
    gate: Gate, first: Future[Outcome], ask: Ask
):
    futures = [first, *(ask(number) for number in range(1, 6))]
    gate.is_open.set()
    assert answers(futures) == [0, 1, 2, 3, 4, 5]
    assert gate.passes == [[0], [1, 2, 3], [4, 5]]


def test_keys_do_not_mix_and_whoever_came_first_goes_first(
    gate: Gate, first: Future[Outcome], ask: Ask
):
    futures = [ask(1, "b"), ask(2), ask(3, "b"), ask(4, "c"), ask(5)]
    gate.is_open.set()
    assert answers(futures) == [1, 2, 3, 4, 5]
    assert gate.passes == [[0], [1, 3], [2, 5], [4]]


def test_what_has_no_key_goes_alone(gate: Gate, first: Future[Outcome], ask: Ask):
    futures = [ask(1, None), ask(2, None), ask(3)]
    gate.is_open.set()
    assert answers(futures) == [1, 2, 3]
    assert gate.passes == [[0], [1], [2], [3]]


def test_one_bad_input_does_not_fail_those_that_shared_its_pass(
    gate: Gate, first: Future[Outcome], ask: Ask, log_stream: io.StringIO
):
    gate.fails_on = 2
    good, bad = [ask(1)], ask(2)
    good.append(ask(3))
    gate.is_open.set()
    assert answers(good) == [1, 3]
    with pytest.raises(InferenceFailed, match=r"^gate version 1: ValueError: number 2$"):
        bad.result(10)
    assert gate.passes == [[0], [1, 2, 3], [1], [2], [3]]
    events = [json.loads(line) for line in log_stream.getvalue().splitlines()]
    assert [event["event"] for event in events] == ["batch_failed", "prediction_failed"]
    assert events[0]["requests"] == 3
    assert events[0]["error"] == "ValueError: number 2"
    assert "number 2" in events[1]["traceback"]


def test_a_model_that_gives_too_many_answers_answers_nobody(
    gate: Gate, first: Future[Outcome], ask: Ask
):
    gate.answers_too_many = True
    futures = [ask(1), ask(2)]
    gate.is_open.set()
    for future in futures:
        with pytest.raises(InferenceFailed, match="gate version 1: ValueError"):
            future.result(10)


def test_one_that_comes_too_late_keeps_none_of_its_pass(gate: Gate, first, ask: Ask):
    late, other = ask(1, timeout_s=0.1), ask(2)
    with pytest.raises(InferenceTimeout, match=r"within 0.1 s"):
        late.result(10)
    gate.is_open.set()
    assert answers([first, other]) == [0, 2]
    assert gate.passes == [[0], [2]]


def test_one_whose_time_ends_in_the_pass_fails_alone(gate: Gate, ask: Ask, first):
    other, late = ask(1), ask(2, timeout_s=0.5)
    gate.slow_s = {2: 0.8}
    gate.is_open.set()
    with pytest.raises(InferenceTimeout):
        late.result(10)
    assert answers([other]) == [1]
    assert gate.passes == [[0], [1, 2]]


def test_who_has_hung_up_takes_no_room_in_a_pass(gate: Gate, first: Future[Outcome], ask: Ask):
    has_hung_up = threading.Event()
    futures = [ask(number, is_gone=has_hung_up.is_set) for number in (1, 2)]
    others = [ask(number) for number in (3, 4, 5)]
    has_hung_up.set()
    gate.is_open.set()
    assert answers(others) == [3, 4, 5]
    for future in futures:
        with pytest.raises(CallerGone):
            future.result(10)
    assert gate.passes == [[0], [3, 4, 5]]


def test_a_pass_is_no_longer_than_its_first_has_time(gate: Gate, lane: Lane, ask: Ask):
    gate.delay_s = 0.2
    gate.is_open.set()
    assert answers([ask(0)]) == [0]
    gate.is_open.clear()
    running = ask(1, None)
    wait_for(lambda: len(gate.passes) == 2, "the second one runs")
    # Two fit into what the first of them has left; that the model may have three does not help.
    futures = [ask(2, timeout_s=0.75), ask(3), ask(4)]
    gate.is_open.set()
    assert answers([running, *futures]) == [1, 2, 3, 4]
    assert gate.passes[2:] == [[2], [3, 4]]


def test_the_wait_that_is_expected_is_that_of_shared_passes(
    gate: Gate, first: Future[Outcome], lane: Lane, ask: Ask
):
    gate.delay_s = 0.3
    futures = [first, *(ask(number) for number in range(1, 7))]
    gate.is_open.set()
    answers(futures)
    assert gate.passes == [[0], [1, 2, 3], [4, 5, 6]]
    for _ in range(3):
        lane.enter(timeout_s=10)
    # Four, a third of a pass each, and the reserve: 0.52 s.
    lane.enter(timeout_s=1.2).close()
    with pytest.raises(InferenceOverloaded, match=r"about 0\.[5-8] s, behind 3 others"):
        lane.enter(timeout_s=0.3)
