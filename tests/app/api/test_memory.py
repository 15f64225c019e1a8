"""What the server takes in memory."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.app.api.server import Server

pytestmark = pytest.mark.server

MIB = 1 << 20


def memory(server: Server) -> int:
    """Return the bytes that all processes of the server hold; what they share counts once."""
    rollups = [Path(f"/proc/{process}/smaps_rollup").read_text() for process in server.family()]
    return sum(1024 * int(re.search(r"^Pss: +(\d+)", text, re.M)[1]) for text in rollups)


def test_an_http_worker_takes_less_than_60_megabytes(
    start_server: Callable[..., Server], photo: bytes
):
    def held_by(workers: int) -> int:
        server = start_server(HTTP_PROCESSES=str(workers))
        with ThreadPoolExecutor(32) as pool:
            statuses = {*pool.map(lambda _: server.predict(photo).status, range(200))}
        assert statuses == {200}
        held = memory(server)
        server.end()
        return held

    one, eight = held_by(1), held_by(8)
    assert (eight - one) / 7 < 60 * MIB
