"""What the server takes in memory."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests import chance
from tests.app.api.server import Server

pytestmark = [pytest.mark.server, pytest.mark.alone]

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


def picture(width: int, height: int, picture_format: str) -> bytes:
    """Return a picture of brightness that rises to the right and downwards."""
    rows, columns = np.mgrid[0:height, 0:width]
    channels = (columns * 255 // width, rows * 255 // height, (rows + columns) % 256)
    file = io.BytesIO()
    Image.fromarray(np.stack(channels, -1).astype(np.uint8)).save(file, picture_format)
    return file.getvalue()


def test_pictures_of_all_sizes_leave_memory_as_it_was(
    start_server: Callable[..., Server],
):
    # Few threads, so that the first requests have been in each of them with each size.
    server = start_server(HTTP_PROCESSES="1", HTTP_THREADS="8", QUEUE_LIMIT="16")
    sizes = [(64, 48), (320, 320), (640, 480), (480, 800), (1280, 960), (1, 700), (1000, 600)]
    kinds = itertools.cycle(("PNG", "JPEG"))
    pictures = [picture(*size, kind) for size, kind in zip(sizes, kinds, strict=False)]

    def send(count: int) -> None:
        with ThreadPoolExecutor(6) as pool:
            order = (pictures[number % len(pictures)] for number in range(count))
            statuses = {*pool.map(lambda each: server.predict(each).status, order)}
        assert statuses == {200}

    send(600)
    before = memory(server)
    send(chance.times(800))
    assert memory(server) < 1.05 * before
