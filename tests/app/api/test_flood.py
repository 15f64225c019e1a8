"""More requests at once than may wait between nginx and the workers."""

from __future__ import annotations

import resource
import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.app.api.server import Server
from tests.app.serving.inference_process import wait_for
from tests.app.serving.model_folder import Models

pytestmark = [pytest.mark.server, pytest.mark.alone]

CLIENTS = 700
CLOSED = 0


@pytest.fixture
def server(tmp_path: Path, models: Models, root: Path) -> Iterator[Server]:
    """Return a server that works slowly, and where few may wait."""
    models.add("street/1/street.h5", delay_s=0.05)
    variables = {"HTTP_PROCESSES": "1", "HTTP_THREADS": "2", "QUEUE_LIMIT": "16"}
    server = Server(tmp_path, models.folder, root, **variables)
    server.wait_until_ready()
    yield server
    server.end()


@pytest.fixture
def two_models(tmp_path: Path, models: Models, root: Path) -> Iterator[Server]:
    """Return a server of `slow`, which predicts one at a time, and `quick`."""
    models.add("slow/1/slow.h5", delay_s=0.2)
    models.write("slow/1/model.yaml", "max_batch: 1")
    models.add("quick/1/quick.h5")
    server = Server(tmp_path, models.folder, root, QUEUE_LIMIT="16", DEFAULT_MODEL="slow")
    server.wait_until_ready()
    yield server
    server.end()


@pytest.fixture
def descriptors() -> Iterator[None]:
    """Allow for a socket a client."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < CLIENTS + 200:
        resource.setrlimit(resource.RLIMIT_NOFILE, (CLIENTS + 200, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def flood(port: int, photo: bytes, within_s: float, query: str = "") -> Counter[int | None]:
    """Send a prediction on many new connections at once; count what each came to.

    That is a status, CLOSED, or None where neither came within the time.
    """
    head = f"POST /predict{query} HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
    request = f"{head}Content-Length: {len(photo)}\r\n\r\n".encode() + photo
    outcomes: Counter[int | None] = Counter()
    with selectors.DefaultSelector() as selector:
        for _ in range(CLIENTS):
            client = socket.create_connection(("127.0.0.1", port), timeout=20)
            client.sendall(request)
            client.setblocking(False)
            selector.register(client, selectors.EVENT_READ)
        give_up_at = time.monotonic() + within_s
        while selector.get_map() and (left := give_up_at - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                assert isinstance(key.fileobj, socket.socket)
                outcomes[_outcome(key.fileobj)] += 1
                selector.unregister(key.fileobj)
                key.fileobj.close()
        for key in list(selector.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)
            outcomes[None] += 1
            key.fileobj.close()
    return outcomes


def _outcome(client: socket.socket) -> int:
    try:
        answer = client.recv(1 << 16)
    except ConnectionResetError:
        return CLOSED
    return int(answer.split()[1]) if answer else CLOSED


def test_each_of_700_clients_is_answered_and_then_all_is_as_before(
    server: Server, photo: bytes, descriptors: None
):
    assert server.predict(photo).status == 200
    outcomes = flood(server.port, photo, within_s=40)
    assert set(outcomes) <= {200, 429}
    assert sum(outcomes.values()) == CLIENTS
    assert outcomes[200] > 0
    assert outcomes[429] > 0
    refused = 'slipway_http_requests_total{method="POST",route="/predict",status="429"}'
    wait_for(lambda: server.metric(refused) == outcomes[429], "each is counted")
    # One line a second, however many they are.
    wait_for(lambda: server.events("refused"), "it is logged")
    assert len(server.events("refused")) < 10
    assert [server.predict(photo).status for _ in range(5)] == [200] * 5


@pytest.mark.parametrize("query", ["", "?model=slow"], ids=["default model", "by name"])
def test_a_model_under_a_flood_keeps_nobody_from_another(
    two_models: Server, photo: bytes, descriptors: None, query: str
):
    with ThreadPoolExecutor(1) as pool:
        flooded = pool.submit(flood, two_models.port, photo, 40, query)
        wait_for(lambda: two_models.events("refused"), "more came than may wait")
        statuses, took_s = [], []
        while not flooded.done():
            asked_at = time.monotonic()
            statuses.append(two_models.predict(photo, "?model=quick").status)
            took_s.append(time.monotonic() - asked_at)
        outcomes = flooded.result()
    assert set(outcomes) == {200, 429}
    assert len(statuses) > 10
    assert set(statuses) == {200}
    # Beside it one alone takes 0.2 s, and those that wait for it 3.
    assert sorted(took_s)[len(took_s) // 2] < 0.1
