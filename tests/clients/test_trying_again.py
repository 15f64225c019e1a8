"""What the Python client does where a server is busy, away or odd: both of its forms alike."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest

from slipway_client import (
    AnswerError,
    AsyncClient,
    Client,
    ProblemError,
    SlipwayError,
    TooLateError,
    UnreachableError,
    Values,
)
from tests.clients.scripted import Does, in_a_loop, nobody, scripted

ROW = {"sepal_length": 5.0}
BUSY = {
    "type": "/problems/too-many-requests",
    "title": "There are too many requests",
    "status": 429,
    "detail": "all 32 places are taken",
    "request_id": "r-1",
    "field": "model",
}
Ask = Callable[..., Any]


def busy(status: int = 429, **headers: str) -> Does:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Does(status, names, json.dumps(BUSY | {"status": status}).encode())


def _blocking(url: str, call: str, *given: object, asked: Any = None, **options: Any) -> Any:
    with Client(url, **options) as client:
        return getattr(client, call)(*given, **(asked or {}))


def _awaited(url: str, call: str, *given: object, asked: Any = None, **options: Any) -> Any:
    async def run() -> Any:
        async with AsyncClient(url, **options) as client:
            return await getattr(client, call)(*given, **(asked or {}))

    return in_a_loop(run())


@pytest.fixture(params=[_blocking, _awaited], ids=["blocking", "awaited"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Return a function that makes one call of one client."""
    return request.param


def test_a_busy_server_is_asked_again_when_it_says_and_told_the_time_that_is_left(ask: Ask):
    with scripted([busy(Retry_After="1"), Does()]) as server:
        answer = ask(server.url, "predict", ROW, timeout_s=30, token="secret")
    assert isinstance(answer, Values)
    assert answer.outputs == {"species": "versicolor"}
    assert [one.document for one in server.asked] == [{"instances": [ROW]}] * 2
    assert server.asked[0].headers["Authorization"] == "Bearer secret"
    (wait_s,) = server.waits_s()
    assert 1 <= wait_s < 10
    first_s, second_s = (float(one.headers["X-Request-Timeout"]) for one in server.asked)
    assert 20 < first_s <= 30
    assert first_s - second_s == pytest.approx(wait_s, abs=1)


def test_what_ended_before_the_answer_began_is_tried_again_with_longer_waits(ask: Ask):
    script = [Does(how="hang up"), busy(503), busy(502), Does(how="hang up"), Does()]
    with scripted(script) as server:
        assert isinstance(ask(server.url, "predict", ROW), Values)
    assert len(server.asked) == 5
    # By chance up to so much, and what a busy machine adds.
    for number, wait_s in enumerate(server.waits_s()):
        assert wait_s < 0.1 * 2**number + 3


@pytest.mark.parametrize(
    ("does", "kind"),
    [
        pytest.param(Does(how="break off"), UnreachableError, id="an answer that breaks off"),
        pytest.param(busy(400), ProblemError, id="a refusal"),
        pytest.param(busy(504, Retry_After="1"), TooLateError, id="too late for the server"),
        pytest.param(Does(body=b"<html>"), AnswerError, id="no JSON"),
        pytest.param(Does(body=b'{"a": 1}'), AnswerError, id="no answer"),
        pytest.param(Does(302, {"Location": "/login"}), AnswerError, id="a way elsewhere"),
    ],
)
def test_what_another_try_would_not_mend_is_asked_once(ask: Ask, does: Does, kind: type):
    with scripted([does, Does()]) as server, pytest.raises(SlipwayError) as raised:
        ask(server.url, "predict", ROW)
    assert raised.type is kind
    assert len(server.asked) == 1


def test_tries_end_with_what_the_server_said(ask: Ask):
    with scripted([busy()]) as server, pytest.raises(ProblemError) as raised:
        ask(server.url, "predict", ROW, retries=2)
    assert len(server.asked) == 3
    error = raised.value
    assert (error.slug, error.status, error.field) == ("too-many-requests", 429, "model")
    assert (error.detail, error.request_id) == ("all 32 places are taken", "r-1")
    assert error.problem.document == BUSY
    assert str(error) == "all 32 places are taken (too-many-requests, request r-1)"


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(lambda seconds: str(seconds), id="seconds"),
        pytest.param(lambda seconds: formatdate(time.time() + seconds, usegmt=True), id="a date"),
    ],
)
def test_nobody_waits_for_a_try_that_would_come_too_late(ask: Ask, of: Any):
    with scripted([busy(503, Retry_After=of(300))]) as server:
        begun = time.monotonic()
        with pytest.raises(ProblemError, match="places are taken"):
            ask(server.url, "predict", ROW, timeout_s=20)
        assert time.monotonic() - begun < 15
    assert len(server.asked) == 1


@pytest.mark.parametrize("how", ["keep silent", "dribble"])
def test_a_call_ends_when_its_time_is_over(ask: Ask, how: Any):
    with scripted([Does(how=how)]) as server:
        begun = time.monotonic()
        with pytest.raises(TooLateError, match=r"no answer within 1 s") as raised:
            ask(server.url, "predict", ROW, timeout_s=1)
        assert 0.9 < time.monotonic() - begun < 5
    assert isinstance(raised.value, TimeoutError)
    assert len(server.asked) == 1


def test_a_server_that_is_not_there_is_an_error_of_the_family(ask: Ask):
    with pytest.raises(UnreachableError, match="there was no answer") as raised:
        ask(nobody(), "predict", ROW, retries=1)
    assert (raised.value.status, raised.value.slug) == (None, "")


def test_an_answer_that_is_no_problem_document_is_told_all_the_same(ask: Ask):
    told = pytest.raises(ProblemError, match="status 403 Forbidden: <h1>Not here</h1>")
    with scripted([Does(403, {}, b"<h1>Not here</h1>")]) as server, told:
        ask(server.url, "predict", ROW)


def test_a_truth_is_not_told_twice(ask: Ask):
    script = [busy(Retry_After="0"), Does(how="hang up"), Does()]
    with scripted(script) as server, pytest.raises(UnreachableError):
        ask(server.url, "feedback", "01J", asked={"class_id": 3})
    assert [one.path for one in server.asked] == ["/feedback"] * 2
    told = {"prediction_id": "01J", "truth": {"class_id": 3}}
    assert [one.document for one in server.asked] == [told] * 2


@pytest.mark.parametrize(
    ("options", "told"),
    [
        pytest.param({"timeout_s": 0}, "timeout_s is 0: a number of seconds above 0", id="time"),
        pytest.param({"retries": -1}, "retries is -1: 0 or more are allowed", id="tries"),
    ],
)
def test_terms_that_make_no_sense_are_refused_at_once(ask: Ask, options: Any, told: str):
    with pytest.raises(ValueError, match=told):
        ask(nobody(), "predict", ROW, **options)
