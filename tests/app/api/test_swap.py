"""Versions that are dropped in while clients predict: each is answered, and memory stays flat."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import shutil
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.app.api.server import Server
from tests.app.serving.inference_process import wait_for
from tests.app.serving.model_folder import Models

pytestmark = pytest.mark.server

SWAPS, CLIENTS = 100, 8
# Of noise: the allocator's arenas.
MOST_GROWTH_MIB = 6


class Client(threading.Thread):
    """Predicts over one connection until it is told to end."""

    def __init__(self, port: int, picture: bytes, end: threading.Event) -> None:
        super().__init__()
        self._port, self._picture, self._end = port, picture, end
        self.answers: Counter[tuple[int, int | None]] = Counter()
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            opened = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
            with contextlib.closing(opened) as connection:
                self._converse(connection)
        except Exception as error:
            self.error = error

    def _converse(self, connection: http.client.HTTPConnection) -> None:
        while not self._end.is_set():
            headers = {"Content-Type": "image/png"}
            connection.request("POST", "/predict", self._picture, headers)
            response = connection.getresponse()
            answer = json.loads(response.read())
            self.answers[response.status, answer.get("version")] += 1


def resident_mib(process: int) -> float:
    """Return how much memory a process has."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024


def test_a_hundred_swaps_under_load_lose_no_request_and_keep_no_memory(
    models: Models, start_server: Callable[..., Server], photo: bytes
):
    """`python -m bench.swaps` does a thousand."""
    models.add("street/1/street.h5", threshold=1)
    server = start_server(MODEL_POLL_S="0.02", QUEUE_LIMIT="64")
    end = threading.Event()
    clients = [Client(server.port, photo, end) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    process, after_some = server.inference_process(), 0.0
    for version in range(2, SWAPS + 2):
        models.add(f"street/{version}/street.h5", threshold=1)
        wait_for(lambda: served(server) == [(version, "ready")], f"{version} serves")  # noqa: B023
        shutil.rmtree(models.folder / "street" / str(version - 1))
        if version == SWAPS // 4:
            after_some = resident_mib(process)
    end.set()
    for client in clients:
        client.join(60)
    growth_mib = resident_mib(process) - after_some
    assert [client.error for client in clients if client.error] == []
    answers = sum((client.answers for client in clients), Counter[tuple[int, int | None]]())
    assert {status for status, _ in answers} == {200}
    assert len({version for _, version in answers}) > SWAPS // 2
    assert len(server.events("model_retired")) == SWAPS
    assert growth_mib < MOST_GROWTH_MIB


def served(server: Server) -> list[tuple[int, str]]:
    """Return the versions of `street` and their states."""
    versions = server.ask("/models/street").json()["versions"]
    return [(one["version"], one["state"]) for one in versions]
