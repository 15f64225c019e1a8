"""More requests than can be answered, and requests that nobody waits for."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask

from app.api.admission import Admission
from app.api.callers import Callers
from app.serving.errors import InferenceOverloaded
from tests.app.api.test_problems import check
from tests.app.serving.inference_process import wait_for
from tests.app.serving.model_folder import Models


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


def test_a_refusal_holds_for_others_only_as_long_as_it_says():
    admission = Admission(places=1, threads=64)
    full = InferenceOverloaded("all places are taken", 3.0, full_s=0.4)
    admission.note_refusal(full)
    assert admission.enter() is full
    time.sleep(0.45)
    assert admission.enter() is None
    admission.leave()
    admission.note_refusal(InferenceOverloaded("too little time for this one", 3.0))
    assert admission.enter() is None


def test_a_place_is_expected_from_a_model_that_has_answered_until_the_queue_refuses_somebody():
    admission = Admission(places=1, threads=64)
    assert not admission.expects_place(("street", None))
    admission.note_answer(("street", None))
    assert admission.expects_place(("street", None))
    assert not admission.expects_place(("nobody", None))
    admission.note_refusal(InferenceOverloaded("too little time for this one", 3.0))
    assert not admission.expects_place(("street", None))


def test_more_requests_than_there_are_places_are_not_let_in_at_all():
    admission = Admission(places=10, threads=64)
    with ThreadPoolExecutor(11) as pool:
        # Four work at a time: whoever has begun to wait for its prediction lets another work.
        entered = list(pool.map(lambda _: (admission.enter(), admission.rest()), range(10)))
        assert entered == [(None, None)] * 10
        refusal = admission.enter()
        assert isinstance(refusal, InferenceOverloaded)
        assert "10 requests" in str(refusal)
        admission.leave()
        assert admission.enter() is None


def test_more_places_than_threads_leave_threads_for_health_checks():
    admission = Admission(places=100, threads=16)
    with ThreadPoolExecutor(16) as pool:
        entered = list(pool.map(lambda _: (admission.enter(), admission.rest()), range(14)))
    assert entered == [(None, None)] * 14
    assert isinstance(admission.enter(), InferenceOverloaded)


def test_few_threads_work_at_once():
    admission = Admission(places=32, threads=64)
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


def environ_of(client: socket.socket, server: socket.socket) -> dict[str, str]:
    """Return what a WSGI server says of a connection."""
    address, port, *_ = client.getsockname()
    return {
        "REMOTE_ADDR": address,
        "REMOTE_PORT": str(port),
        "SERVER_PORT": str(server.getsockname()[1]),
    }


@pytest.fixture(params=["127.0.0.1", "::1"])
def server(request: pytest.FixtureRequest):
    """Return a server's socket, over either version of IP."""
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.socket(family) as server:
        try:
            server.bind((request.param, 0))
        except OSError:
            server.close()
            family, server = socket.AF_INET, socket.socket()
            server.bind(("127.0.0.1", 0))
        server.listen()
        yield server


def test_a_client_that_hangs_up_is_noticed(server: socket.socket):
    callers = Callers()
    with socket.socket(server.family) as client, socket.socket(server.family) as other:
        client.connect(server.getsockname())
        other.connect(server.getsockname())
        is_gone, is_other_gone = (
            callers.watch(environ_of(each, server)) for each in (client, other)
        )
        assert is_gone
        assert is_other_gone
        assert not is_gone()
        assert not is_other_gone()
        client.close()
        wait_for(is_gone, "it is noticed")
        assert not is_other_gone()


def test_a_client_that_was_never_seen_is_not_taken_for_gone(server: socket.socket):
    is_gone = Callers().watch(
        {"REMOTE_ADDR": "192.0.2.7", "REMOTE_PORT": "4711", "SERVER_PORT": "80"}
    )
    assert is_gone
    assert not is_gone()


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param({}, id="nothing told"),
        pytest.param({"REMOTE_ADDR": "", "REMOTE_PORT": "", "SERVER_PORT": ""}, id="unix socket"),
        pytest.param({"REMOTE_ADDR": "127.0.0.1", "SERVER_PORT": "80"}, id="no port"),
    ],
)
def test_without_an_address_nobody_is_watched(environ: dict[str, str]):
    assert Callers().watch(environ) is None


def test_without_the_kernels_tables_nobody_is_taken_for_gone(tmp_path: Path):
    callers = Callers((tmp_path / "tcp",))
    is_gone = callers.watch({"REMOTE_ADDR": "::1", "REMOTE_PORT": "1", "SERVER_PORT": "2"})
    assert is_gone
    assert not is_gone()


def test_the_tables_word_order_is_this_machines(tmp_path: Path):
    word = int.from_bytes(bytes([10, 0, 0, 1]), sys.byteorder)
    table = tmp_path / "tcp"
    row = f"   0: 0100000A:1F90 {word:08X}:1267 01 00000000:00000000 00:00000000 00000000 0"
    table.write_text(f"  sl  local_address ...\n{row}\n")
    callers = Callers((table,))
    environ = {"REMOTE_ADDR": "10.0.0.1", "REMOTE_PORT": "4711", "SERVER_PORT": "8080"}
    is_gone = callers.watch(environ)
    assert is_gone
    assert not is_gone()
    table.write_text("  sl  local_address ...\n")
    wait_for(is_gone, "it is noticed")


def test_a_client_that_one_reading_misses_is_not_taken_for_gone(tmp_path: Path):
    word = int.from_bytes(bytes([10, 0, 0, 1]), sys.byteorder)
    table = tmp_path / "tcp"
    row = f"   0: 0100000A:1F90 {word:08X}:1267 01 00000000:00000000 00:00000000 00000000 0\n"
    table.write_text(f"  sl  local_address ...\n{row}")
    environ = {"REMOTE_ADDR": "10.0.0.1", "REMOTE_PORT": "4711", "SERVER_PORT": "8080"}
    is_gone = Callers((table,)).watch(environ)
    assert is_gone
    for text in ("", row, "", row):
        table.write_text(f"  sl  local_address ...\n{text}")
        time.sleep(0.25)
        assert not is_gone()
