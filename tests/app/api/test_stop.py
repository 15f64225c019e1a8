"""How the server stops and what it survives: signals, slow clients, killed processes."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.app.api.server import SCRIPT, Server, is_running, under_both
from tests.app.serving.inference_process import wait_for
from tests.app.serving.model_folder import Models

pytestmark = pytest.mark.server

CLIENTS = 50


@pytest.fixture
def start_as_process_1(
    tmp_path: Path, models: Models, root: Path
) -> Iterator[Callable[..., Server]]:
    """Return a function that starts a server as process 1, as in a container."""
    started: list[Server] = []
    alone = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]

    def start(**variables: str) -> Server:
        command = [*alone, sys.executable, str(SCRIPT)]
        started.append(Server(tmp_path, models.folder, root, *command, **variables))
        started[-1].wait_until_ready()
        return started[-1]

    yield start
    for server in started:
        server.end()


class Client(threading.Thread):
    """Predicts until the server lets it in no more, over a connection that it keeps, or not."""

    def __init__(self, port: int, photo: bytes, *, keeps: bool) -> None:
        super().__init__()
        self._port, self._photo, self.keeps = port, photo, keeps
        self.statuses: list[int] = []
        self.error: Exception | None = None
        self.was_told_to_close = False

    def run(self) -> None:
        try:
            while not self.was_told_to_close or not self.keeps:
                connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
                try:
                    connection.connect()
                except OSError:
                    return
                self._converse(connection)
                connection.close()
        except Exception as error:
            self.error = error

    def _converse(self, connection: http.client.HTTPConnection) -> None:
        while True:
            headers = {"Content-Type": "image/png"}
            connection.request("POST", "/predict", self._photo, headers)
            response = connection.getresponse()
            response.read()
            self.statuses.append(response.status)
            self.was_told_to_close = response.headers.get("Connection") == "close"
            if self.was_told_to_close or not self.keeps:
                return


def process_1(server: Server) -> int:
    """Return the number, seen from outside, of the process that is number 1 inside."""
    outer = server.process.pid
    (inner,) = Path(f"/proc/{outer}/task/{outer}/children").read_text().split()
    return int(inner)


@pytest.mark.parametrize("kept", [0, CLIENTS // 2, CLIENTS])
def test_process_1_answers_all_that_50_clients_have_sent_before_it_ends(
    start_as_process_1: Callable[..., Server], models: Models, photo: bytes, kept: int
):
    """`python -m bench.stops` does it a hundred times."""
    models.add("street/1/street.h5", delay_s=0.01)
    server = start_as_process_1(QUEUE_LIMIT="64")
    clients = [Client(server.port, photo, keeps=number < kept) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    wait_for(lambda: all(len(client.statuses) > 1 for client in clients), "all predict", 60)
    os.kill(process_1(server), signal.SIGTERM)
    for client in clients:
        client.join(60)
    assert [client.error for client in clients if client.error] == []
    assert {status for client in clients for status in client.statuses} == {200}
    assert all(client.was_told_to_close for client in clients if client.keeps)
    assert server.process.wait(20) == 0
    (stopped,) = server.events("stopped")
    assert (stopped["in_flight"], stopped["kept_new_clients_out"]) == (0, True)
    answered = [event for event in server.events("request") if event["path"] == "/predict"]
    assert len(answered) == sum(len(client.statuses) for client in clients)


def test_a_request_of_many_seconds_is_answered_before_the_end(
    start_as_process_1: Callable[..., Server], models: Models, photo: bytes
):
    models.add("street/1/street.h5", delay_s=5)
    server = start_as_process_1()
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(server.predict, photo)
        server.await_in_flight(1)
        os.kill(process_1(server), signal.SIGTERM)
        assert pending.result().status == 200
    assert server.process.wait(20) == 0


def test_what_outlasts_the_time_for_stopping_is_cut_off_and_logged(
    start_server: Callable[..., Server], models: Models, photo: bytes
):
    models.add("street/1/street.h5", delay_s=30)
    server = start_server(STOP_TIMEOUT_S="1")
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(server.predict, photo)
        server.await_in_flight(1)
        family = server.family()
        server.process.terminate()
        # Its connection is closed, or nginx sees its worker go before it goes itself.
        with contextlib.suppress(OSError):
            assert pending.result().status == 502
    server.process.wait(20)
    (event,) = server.events("stopped_in_flight")
    assert event["in_flight"] == 1
    wait_for(lambda: not any(map(is_running, family)), "every process has ended")


def test_while_it_waits_for_load_balancers_it_answers_but_is_not_ready(
    start_server: Callable[..., Server], photo: bytes
):
    server = start_server(STOP_DELAY_S="30")
    server.process.terminate()
    wait_for(lambda: server.ask("/readyz").status == 503, "it is not ready")
    assert "stopping" in server.ask("/readyz").json()["detail"]
    assert server.ask("/healthz").status == 200
    answer = server.predict(photo)
    assert (answer.status, answer.headers["Connection"]) == (200, "close")
    # A second signal: whoever sends it does not want to wait.
    server.process.terminate()
    assert server.process.wait(20) == 0


def half_request(port: int, body: bytes) -> socket.socket:
    """Connect and send a request but for the end of its body."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    head = "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
    connection.sendall(f"{head}Content-Length: {len(body) + 1000}\r\n\r\n".encode() + body)
    return connection


@pytest.mark.parametrize(
    "send",
    [
        pytest.param(lambda port, photo: half_request(port, photo[:1]), id="in the body"),
        pytest.param(lambda port, photo: half_request(port, bytes(3 << 20)), id="in a large body"),
        pytest.param(
            lambda port, photo: socket.create_connection(("127.0.0.1", port)), id="before the head"
        ),
    ],
)
def test_clients_that_stop_in_mid_request_hold_up_nobody(
    start_server: Callable[..., Server], photo: bytes, send
):
    server = start_server(HTTP_PROCESSES="1", HTTP_THREADS="2")
    stuck = [send(server.port, photo) for _ in range(60)]
    for _ in range(5):
        assert server.predict(photo).status == 200
    server.await_in_flight(0)
    for connection in stuck:
        connection.close()


def test_who_has_connected_and_says_nothing_does_not_hold_up_the_end(
    start_server: Callable[..., Server],
):
    server = start_server()
    with socket.create_connection(("127.0.0.1", server.port)) as silent:
        server.process.terminate()
        # A container has 10 s; nginx's own time for a head is a minute.
        assert server.process.wait(20) == 0
        assert silent.recv(1) == b""
    (stopped,) = server.events("stopped")
    assert stopped["in_flight"] == 0


@under_both
def test_a_photo_whose_sender_hangs_up_is_not_predicted(
    start_server: Callable[..., Server], models: Models, photo: bytes
):
    models.add("street/1/street.h5", delay_s=1.5)
    server = start_server()
    assert server.predict(photo).status == 200
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(server.predict, photo)
        server.await_in_flight(1)
        impatient = socket.create_connection(("127.0.0.1", server.port))
        head = "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
        impatient.sendall(f"{head}Content-Length: {len(photo)}\r\n\r\n".encode() + photo)
        server.await_in_flight(2)
        impatient.close()
        assert running.result().status == 200
    statuses = wait_for(
        lambda: len(told := answers_of(server)) == 3 and told, "the log tells of all three"
    )
    assert sorted(statuses) == [200, 200, 499]
    assert len(server.events("prediction")) == 2


def answers_of(server: Server) -> list[int]:
    """Return the statuses of all requests to predict that were logged."""
    return [event["status"] for event in server.events("request") if event["path"] == "/predict"]


def children_of(process: int) -> list[int]:
    text = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(child) for child in text.split()]


def test_http_workers_that_are_killed_are_replaced(
    start_server: Callable[..., Server], photo: bytes
):
    server = start_server(HTTP_PROCESSES="2")
    workers = [
        worker
        for child in children_of(server.process.pid)
        for worker in children_of(child)
        if "_imaging" in Path(f"/proc/{worker}/maps").read_text()
    ]
    assert len(workers) == 2
    for victim in workers:
        os.kill(victim, signal.SIGKILL)
        time.sleep(0.2)
    answers = wait_for(lambda: _answers(server, photo), "predictions are made again")
    assert answers == [200] * 5
    assert server.process.poll() is None


def _answers(server: Server, photo: bytes) -> list[int] | None:
    try:
        return [server.predict(photo).status for _ in range(5)]
    except (OSError, http.client.HTTPException):
        return None


@pytest.mark.skipif(os.getuid() != 0, reason="mounting a small disk needs root")
def test_a_disk_that_is_full_refuses_large_uploads_only_and_only_as_long_as_it_is_full(
    tmp_path: Path, models: Models, root: Path, photo: bytes
):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80m", "tmpfs", disk], check=True)
    server = Server(disk, models.folder, root)
    try:
        server.wait_until_ready()
        with ThreadPoolExecutor(8) as pool:
            # What they count has room of its own, once they have begun to.
            assert set(pool.map(lambda _: server.predict(photo).status, range(60))) == {200}
        filler = disk / "filler"
        with pytest.raises(OSError, match="No space left"):
            filler.write_bytes(bytes(80 << 20))
        large = photo + bytes(200_000)
        refused = server.predict(large)
        assert (refused.status, refused.json()["type"]) == (507, "/problems/insufficient-storage")
        assert server.ask("/healthz").status == 200
        assert server.predict(photo).status == 200
        filler.unlink()
        assert server.predict(large).status == 200
    finally:
        server.end()
        subprocess.run(["umount", "-l", disk], check=True)
