"""What dies or runs out of memory under the server: each with an answer, and the server goes on."""

from __future__ import annotations

import contextlib
import http.client
import io
import os
import resource
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.app.api.server import Answer, Server, is_running
from tests.app.api.test_stop import children_of
from tests.app.serving.inference_process import wait_for
from tests.app.serving.model_folder import Models

pytestmark = pytest.mark.server


@pytest.fixture
def large_photo() -> bytes:
    """Return a PNG of a megapixel."""
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((1000, 1000, 3), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def data_bytes(process: int) -> int:
    """Return how much private memory a process may write to, which RLIMIT_DATA limits."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmData:")[2].split()[0]) << 10


def test_a_prediction_that_finds_no_memory_is_a_problem_and_the_next_one_is_made(
    start_server: Callable[..., Server], models: Models, photo: bytes, large_photo: bytes
):
    models.add("street/1/street.h5", bytes_per_pixel=1024)
    server = start_server()
    assert server.predict(large_photo).status == 200
    inference = server.inference_process()
    limit = data_bytes(inference) + (256 << 20)
    resource.prlimit(inference, resource.RLIMIT_DATA, (limit, limit))
    answer = server.predict(large_photo)
    assert answer.status == 500
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "/problems/inference-failed"
    assert "MemoryError" in answer.json()["detail"]
    assert server.ask("/readyz").status == 200
    assert server.predict(photo).status == 200
    assert server.inference_process() == inference


def test_a_model_that_comes_back_with_other_labels_answers_with_them(
    start_server: Callable[..., Server], models: Models, photo: bytes
):
    """HTTP workers remember what they were told of a model, and no longer than it holds."""
    server = start_server(HTTP_PROCESSES="1")

    def labels() -> list[str] | None:
        answer = server.predict(photo)
        instances = answer.json().get("instances", [])
        return [instance["label"] for instance in instances] if answer.status == 200 else None

    assert labels() == ["red", "blue"]
    models.write("street/1/labels.txt", "rouge\nvert\nbleu\n")
    os.kill(server.inference_process(), signal.SIGKILL)
    assert wait_for(labels, "it is there again") == ["rouge", "bleu"]


@dataclass(frozen=True)
class Processes:
    """The processes that speak HTTP, seen from outside."""

    nginx: int
    """Its master."""
    front: int
    """Its worker."""
    uwsgi: int
    """Its master."""
    workers: set[int]

    @classmethod
    def of(cls, server: Server) -> Processes:
        masters = {
            name: process
            for process in children_of(server.process.pid)
            for name in ("nginx: master", "uwsgi")
            if name in command_line(process)
        }
        (front,) = children_of(masters["nginx: master"])
        return cls(
            masters["nginx: master"],
            front,
            masters["uwsgi"],
            set(children_of(masters["uwsgi"])),
        )


def command_line(process: int) -> str:
    return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()


class InFlight:
    """A request of a client that keeps its connection, as browsers and load balancers do.

    It is the `nth` that runs.
    """

    def __init__(self, server: Server, photo: bytes, nth: int = 1, **headers: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        headers["Content-Type"] = "image/png"
        self._connection.request("POST", "/predict", photo, headers)
        server.await_in_flight(nth)

    def answer(self) -> Answer:
        with contextlib.closing(self._connection):
            response = self._connection.getresponse()
            return Answer(response.status, dict(response.headers), response.read())


def test_nginxs_worker_is_replaced_and_the_next_request_answered(
    start_server: Callable[..., Server], models: Models, photo: bytes
):
    models.add("street/1/street.h5", delay_s=3)
    server = start_server()
    before = Processes.of(server)
    running = InFlight(server, photo)
    os.kill(before.front, signal.SIGKILL)
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        running.answer()
    assert server.predict(photo).status == 200
    after = Processes.of(server)
    assert after.front != before.front
    assert (after.nginx, after.uwsgi, after.workers) == (
        before.nginx,
        before.uwsgi,
        before.workers,
    )


@pytest.mark.parametrize("master", ["nginx", "uwsgi"])
def test_where_a_master_is_killed_all_ends_and_another_server_can_start(
    start_server: Callable[..., Server], master: str
):
    server = start_server()
    family = server.family()
    os.kill(getattr(Processes.of(server), master), signal.SIGKILL)
    assert server.process.wait(20) == 1
    wait_for(lambda: not any(map(is_running, family)), "every process has ended")
    (told,) = server.events("ended")
    assert (told["program"].lower(), told["status"]) == (master, -9)
    with socket.socket() as successor:
        successor.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        successor.bind(("", server.port))
    again = start_server()
    assert again.ask("/healthz").status == 200


def test_a_request_whose_worker_dies_is_answered_at_once_and_with_its_id(
    start_server: Callable[..., Server], models: Models, photo: bytes
):
    models.add("street/1/street.h5", delay_s=3)
    server = start_server(HTTP_PROCESSES="1")
    before = Processes.of(server)
    (worker,) = before.workers
    running = [
        InFlight(server, photo, number, **{"X-Request-ID": f"mine-{number}"}) for number in (1, 2)
    ]
    os.kill(worker, signal.SIGKILL)
    for number, request in enumerate(running, 1):
        answer = request.answer()
        assert answer.status == 502
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.headers["X-Request-ID"] == f"mine-{number}"
        assert answer.json()["type"] == "/problems/worker-died"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert answer.json()["request_id"] == f"mine-{number}"
    # Whoever asks whether the server is ready in that moment is told the same.
    told = wait_for(
        lambda: (
            len(lines := [one for one in server.events("request") if one["path"] == "/predict"])
            == 2
            and lines
        ),
        "it is logged",
    )
    assert sorted(event["request_id"] for event in told) == ["mine-1", "mine-2"]
    assert {(event["status"], event["problem"], event["severity"]) for event in told} == {
        (502, "worker-died", "WARNING")
    }
    assert server.predict(photo).status == 200
    after = Processes.of(server)
    assert (after.nginx, after.front) == (before.nginx, before.front)
    assert after.workers != before.workers


def test_a_connection_goes_on_after_each_answer_and_after_that_of_a_dead_worker(
    start_server: Callable[..., Server], models: Models, photo: bytes
):
    models.add("street/1/street.h5", delay_s=0.3)
    server = start_server(HTTP_PROCESSES="1")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    statuses = []
    for number in range(4):
        connection.request("POST", "/predict", photo, {"Content-Type": "image/png"})
        if number == 2:
            server.await_in_flight(1)
            (worker,) = Processes.of(server).workers
            os.kill(worker, signal.SIGKILL)
        response = connection.getresponse()
        response.read()
        statuses.append(response.status)
    connection.close()
    assert statuses == [200, 200, 502, 200]
