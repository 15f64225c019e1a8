"""More requests than can be answered, and requests that nobody waits for."""

from __future__ import annotations

import base64
import io
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.api.admission import Admission, Turns
from app.api.hangup import watch
from app.serving.client import Ask
from app.serving.errors import InferenceOverloaded
from tests.app.api.test_problems import check
from tests.app.serving.inference_process import wait_for
from tests.app.serving.model_folder import Models

STREET, HARBOUR = ("street", None), ("harbour", None)


def test_one_request_more_than_there_are_places_is_told_when_to_come_again(
    start_app: Callable[..., Flask], photo: bytes
):
    app = start_app(QUEUE_LIMIT="2")
    turns = [app.extensions["slipway"].client.enter() for _ in range(2)]
    refused = app.test_client().post("/predict", data=photo)
    problem = check(refused, 429, "too-many-requests")
    assert "at most 2 may" in problem["detail"]
    assert int(refused.headers["Retry-After"]) >= 1
    turns[0].close()
    assert app.test_client().post("/predict", data=photo).status_code == 200


def test_while_all_places_are_taken_refusals_do_not_ask_the_queue(
    start_app: Callable[..., Flask], models: Models, photo: bytes
):
    models.add("street/1/street.h5", delay_s=0.2)
    app = start_app(QUEUE_LIMIT="1")
    client = app.test_client()
    assert client.post("/predict", data=photo).status_code == 200
    turn = app.extensions["slipway"].client.enter()
    first, *others = (client.post("/predict", data=b"no picture") for _ in range(3))
    turn.close()
    for refused in (first, *others):
        problem = check(refused, 429, "too-many-requests")
        assert "at most 1 may" in problem["detail"]
    assert all(set(refused.headers.keys()) == set(first.headers.keys()) for refused in others)
    time.sleep(0.03)
    assert client.post("/predict", data=photo).status_code == 200
    scrape = client.get("/metrics").text
    assert 'slipway_http_requests_total{method="POST",route="/predict",status="429"} 3.0' in scrape


@pytest.mark.parametrize("named_in", ["query", "form", "json"])
def test_a_model_whose_queue_is_full_keeps_nobody_from_another(
    start_app: Callable[..., Flask], models: Models, photo: bytes, named_in: str
):
    models.add("harbour/1/harbour.h5")
    app = start_app(QUEUE_LIMIT="1", DEFAULT_MODEL="street")
    client = app.test_client()

    def predict(model: str) -> TestResponse:
        if named_in == "query":
            return client.post(f"/predict?model={model}", data=photo, content_type="image/png")
        if named_in == "form":
            form = {"image": (io.BytesIO(photo), "a.png"), "model": model}
            return client.post("/predict", data=form)
        image = {"b64": base64.b64encode(photo).decode()}
        return client.post("/predict", json={"image": image, "model": model})

    assert predict("street").status_code == 200
    turn = app.extensions["slipway"].client.enter(Ask("street"))
    for _ in range(3):
        check(predict("street"), 429, "too-many-requests")
        assert predict("harbour").status_code == 200
    turn.close()
    time.sleep(0.03)
    assert predict("street").status_code == 200


def test_a_refusal_holds_for_others_only_as_long_as_it_says():
    admission = Admission(threads=64)
    admission.note_refusal(STREET, InferenceOverloaded("all places are taken", 3.0, full_s=0.4))
    refusal = admission.refusal(STREET)
    assert refusal is not None
    assert (str(refusal), refusal.retry_after_s) == ("all places are taken", 3.0)
    time.sleep(0.45)
    assert admission.refusal(STREET) is None
    admission.note_refusal(STREET, InferenceOverloaded("too little time for this one", 3.0))
    assert admission.refusal(STREET) is None


def test_a_refusal_holds_for_the_model_alone_that_was_asked():
    admission = Admission(threads=64)
    admission.note_answer(HARBOUR)
    admission.note_refusal(STREET, InferenceOverloaded("all places are taken", 3.0, full_s=0.4))
    assert admission.refusal(HARBOUR) is None
    assert admission.expects_place(HARBOUR)


def test_a_place_is_expected_from_a_model_that_has_answered_until_the_queue_refuses_somebody():
    admission = Admission(threads=64)
    assert not admission.expects_place(STREET)
    admission.note_answer(STREET)
    assert admission.expects_place(STREET)
    assert not admission.expects_place(HARBOUR)
    admission.note_refusal(STREET, InferenceOverloaded("too little time for this one", 3.0))
    assert not admission.expects_place(STREET)


def test_predictions_leave_threads_for_health_checks():
    admission = Admission(threads=16)
    with ThreadPoolExecutor(16) as pool:
        # Four work at a time: whoever has begun to wait for its prediction lets another work.
        entered = list(pool.map(lambda _: (admission.enter(), admission.rest()), range(14)))
        assert entered == [(None, None)] * 14
        refusal = admission.enter()
        assert isinstance(refusal, InferenceOverloaded)
        assert "14 requests" in str(refusal)
        admission.leave()
        assert admission.enter() is None


def test_few_threads_work_at_once():
    admission = Admission(threads=64)
    at_work: list[int] = []
    lock = threading.Lock()

    def work(_: int) -> None:
        assert admission.enter() is None
        with lock:
            at_work.append((at_work[-1] if at_work else 0) + 1)
        time.sleep(0.01)
        with lock:
            at_work.append(at_work[-1] - 1)
        admission.leave()

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(32)))
    assert max(at_work) == 4


def test_whoever_waits_to_work_does_so_in_turn():
    turns = Turns(1)
    turns.acquire()
    came: list[int] = []

    def take(number: int) -> None:
        turns.acquire()
        came.append(number)

    with ThreadPoolExecutor(3) as pool:
        for number in range(3):
            pool.submit(take, number)
            wait_for(lambda n=number: turns.waiting == n + 1, "it waits")
        for number in range(3):
            turns.release()
            wait_for(lambda n=number: len(came) == n + 1, "it works")
    assert came == [0, 1, 2]


def test_a_request_that_would_come_too_late_is_refused_at_once(
    start_app: Callable[..., Flask], models: Models, photo: bytes
):
    models.add("street/1/street.h5", delay_s=0.6)
    app = start_app()
    assert app.test_client().post("/predict", data=photo).status_code == 200
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(app.test_client().post, "/predict", data=photo)
        time.sleep(0.2)
        response = app.test_client().post(
            "/predict", data=photo, headers={"X-Request-Timeout": "1.0"}
        )
        problem = check(response, 429, "too-many-requests")
        assert "behind 1 others" in problem["detail"]
        assert running.result().status_code == 200


def test_a_request_has_as_long_as_it_says(
    start_app: Callable[..., Flask], models: Models, photo: bytes
):
    models.add("street/1/street.h5", delay_s=0.6)
    client = start_app().test_client()
    response = client.post("/predict", data=photo, headers={"X-Request-Timeout": "0.2"})
    problem = check(response, 504, "inference-timeout")
    assert "within 0.2" in problem["detail"]


@pytest.mark.parametrize("value", ["soon", "0", "-1", "nan", "61", ""])
def test_a_deadline_that_is_none_is_refused(
    start_app: Callable[..., Flask], photo: bytes, value: str
):
    client = start_app().test_client()
    response = client.post("/predict", data=photo, headers={"X-Request-Timeout": value})
    problem = check(response, 400, "invalid-parameter")
    assert (problem["field"], problem["value"]) == ("X-Request-Timeout", value)
    assert "to 60" in problem["detail"]


def test_an_unknown_model_is_told_before_a_photo_is_decoded(start_app: Callable[..., Flask]):
    client = start_app().test_client()
    response = client.post("/predict?model=nobody", data=b"no picture at all")
    check(response, 404, "model-not-found")


@pytest.mark.parametrize("key", ["slipway.connection", "gunicorn.socket"])
def test_a_client_that_hangs_up_is_noticed_by_its_connection_and_no_sooner(key: str):
    here, there = socket.socketpair()
    with here, there:
        connection = here.fileno() if key == "slipway.connection" else here
        is_gone = watch({key: connection})
        assert is_gone
        there.sendall(b"more of its request")
        assert not is_gone()
        there.close()
        assert is_gone()


def test_without_a_connection_nobody_is_watched():
    assert watch({"REMOTE_ADDR": "127.0.0.1"}) is None
