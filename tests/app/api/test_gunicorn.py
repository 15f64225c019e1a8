"""gunicorn, as docs/portability.md runs it: its scripts, how it ends, and what it does its own way.

What holds under uWSGI and gunicorn alike is in the other tests of real servers.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.app.api.server import Server, gunicorn_scripts, in_root, is_running
from tests.app.api.test_stop import CLIENTS, Client
from tests.app.serving.inference_process import wait_for
from tests.app.serving.model_folder import Models

pytestmark = [
    pytest.mark.server,
    pytest.mark.parametrize("web_server", ["gunicorn"], indirect=True),
]

MODEL = Path("models/shapes/1")


@pytest.fixture(params=[0, 1], ids=["inference process", "one process"])
def scripted_server(
    request: pytest.FixtureRequest, tmp_path: Path, root: Path, web_server: str
) -> Iterator[Server]:
    """Return a server that one of the page's scripts has started, with the models that ship."""
    script = gunicorn_scripts()[request.param]
    server = Server(tmp_path, root / "models", root, *in_root(script))
    server.wait_until_ready(120)
    yield server
    server.end()


def test_each_script_of_the_page_serves_the_demo_model(scripted_server: Server, root: Path):
    golden = json.loads((root / MODEL / "golden" / "scene-500.json").read_text())
    answer = scripted_server.predict((root / MODEL / "samples" / "scene-500.png").read_bytes())
    expected = sorted(instance["label"] for instance in golden["instances"])
    assert sorted(one["label"] for one in answer.json()["instances"]) == expected
    family = scripted_server.family()
    assert scripted_server.end() == 0
    wait_for(lambda: not any(map(is_running, family)), "every process has ended")


@pytest.mark.parametrize("script", [0, 1], ids=["inference process", "one process"])
def test_a_repository_that_is_not_there_ends_each_script_of_the_page(
    tmp_path: Path, root: Path, web_server: str, script: int
):
    missing = tmp_path / "nowhere"
    server = Server(tmp_path, missing, root, *in_root(gunicorn_scripts()[script]))
    assert server.process.wait(30) != 0
    assert f"MODEL_REPOSITORY='{missing}': there is no folder {missing}" in server.spoken()
    wait_for(lambda: len(server.family()) == 1, "every process has ended")


@pytest.mark.parametrize(
    "stop",
    [
        pytest.param(lambda server: server.interrupt(), id="Ctrl-C"),
        pytest.param(lambda server: server.process.terminate(), id="SIGTERM"),
        pytest.param(lambda server: server.process.kill(), id="SIGKILL"),
    ],
)
def test_whatever_ends_gunicorn_leaves_no_process_behind(
    server: Server, stop: Callable[[Server], None]
):
    family = server.family()
    # gunicorn's master, its two workers, the supervisor, inference.
    assert len(family) == 5
    stop(server)
    server.process.wait(20)
    wait_for(lambda: not any(map(is_running, family)), "every process has ended")


def test_all_that_50_clients_have_sent_is_answered_before_it_ends(
    start_server: Callable[..., Server], models: Models, photo: bytes
):
    models.add("street/1/street.h5", delay_s=0.01)
    # One process has room for all: how many come to which is chance.
    server = start_server(QUEUE_LIMIT="64", HTTP_THREADS="64")
    clients = [Client(server.port, photo, keeps=True) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    wait_for(lambda: all(len(client.statuses) > 1 for client in clients), "all predict", 60)
    server.process.terminate()
    for client in clients:
        client.join(60)
    assert [client.error for client in clients if client.error] == []
    assert {status for client in clients for status in client.statuses} == {200}
    assert server.process.wait(20) == 0


def test_gunicorns_own_time_for_a_worker_is_none_for_a_request(
    start_server: Callable[..., Server], models: Models, photo: bytes
):
    models.add("street/1/street.h5", delay_s=6)
    server = start_server(GUNICORN_CMD_ARGS="--timeout 3")
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(server.predict, photo)
        server.await_in_flight(1)
        server.process.terminate()
        assert pending.result().status == 200
    assert server.process.wait(20) == 0


def test_an_http_worker_that_is_killed_is_replaced(server: Server, photo: bytes):
    workers = server.family() - {server.process.pid, server.inference_process()}
    victim = next(worker for worker in workers if "_imaging" in maps(worker))
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: not is_running(victim), "it has ended")
    wait_for(lambda: len(server.family()) == 5, "another runs")
    assert [server.predict(photo).status for _ in range(5)] == [200] * 5


def maps(process: int) -> str:
    return Path(f"/proc/{process}/maps").read_text()


def test_what_is_no_http_gets_a_page_of_gunicorns_own_and_no_problem(server: Server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nhello\r\n\r\n")
        answer = b""
        while block := connection.recv(1 << 16):
            answer += block
    head, _, body = answer.decode().partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 400 ")
    assert re.search("^Content-Type: text/html", head, re.MULTILINE)
    assert "X-Request-ID" not in head
    assert str(server.port) not in body
