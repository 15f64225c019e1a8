"""Places in the inference process's queue, over a real socket: given, held, given up."""

from __future__ import annotations

import contextlib
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from app.serving import wire
from app.serving.client import Ask
from app.serving.errors import (
    CallerGone,
    InferenceOverloaded,
    InferenceTimeout,
    InferenceUnavailable,
)
from app.serving.host import EXIT_HANGS
from app.serving.messages import EnterRequest
from app.serving.socket_client import SocketClient
from tests.app.serving.inference_process import wait_for
from tests.app.serving.model_folder import Models
from tests.app.serving.pictures import find, find_in_turn


@pytest.fixture
def narrow(models: Models, host) -> SocketClient:
    """Return the client of a process with two places, whose model takes a second."""
    models.add("slow.h5", delay_s=1)
    process = host(QUEUE_LIMIT="2")
    process.wait_until_ready()
    return process.client


def test_places_are_counted_over_all_connections(narrow: SocketClient):
    others = [SocketClient(narrow.path) for _ in range(2)]
    turns = [other.enter() for other in others]
    with pytest.raises(InferenceOverloaded, match="2 requests are in work"):
        narrow.enter()
    for turn in turns:
        turn.close()
    # Nobody waits for the answer to a place given away.
    wait_for(lambda: _entered(narrow), "a place is free")


def test_a_place_that_is_given_away_is_free_again(narrow: SocketClient, photo: np.ndarray):
    for _ in range(5):
        turn = narrow.enter()
        turn.close()
        turn.close()
    for _ in range(2):
        assert len(find(narrow, photo)) == 2


def test_places_of_an_http_worker_that_dies_are_free_again(narrow: SocketClient):
    for _ in range(2):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(narrow.path))
            wire.send(connection, wire.Message(EnterRequest(None, None, 5).header()))
            assert wire.Reader(connection).wait(time.monotonic() + 5)
    wait_for(lambda: _entered(narrow), "a place is free")


def test_a_photo_that_asks_for_its_place_itself_is_refused_where_there_is_none(
    narrow: SocketClient, photo: np.ndarray
):
    late = narrow.enter(ahead=False)
    turns = [SocketClient(narrow.path).enter() for _ in range(2)]
    with contextlib.closing(late), pytest.raises(InferenceOverloaded, match="2 requests"):
        find_in_turn(late, photo)
    for turn in turns:
        turn.close()
    wait_for(lambda: _entered(narrow), "a place is free")
    assert len(find(narrow, photo)) == 2


def _entered(client: SocketClient) -> bool:
    with contextlib.suppress(InferenceOverloaded), contextlib.closing(client.enter()):
        return True
    return False


def test_what_a_caller_who_hung_up_asked_for_is_not_predicted(
    models: Models, host, photo: np.ndarray
):
    models.add("slow.h5", delay_s=1)
    process = host()
    process.wait_until_ready()
    client = process.client
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(find, client, photo)
        time.sleep(0.2)
        turn = client.enter(Ask(is_gone=lambda: True))
        started_at = time.monotonic()
        with pytest.raises(CallerGone):
            find_in_turn(turn, photo)
        running.result(20)
        assert len(find(client, photo)) == 2
    # Three were asked for, and two took their second.
    assert time.monotonic() - started_at < 2.9


def test_a_deadline_of_its_own_is_held(narrow: SocketClient, photo: np.ndarray):
    with (
        contextlib.closing(narrow.enter(Ask(timeout_s=0.3))) as turn,
        pytest.raises(InferenceTimeout, match=r"within 0.3 s"),
    ):
        find_in_turn(turn, photo)


def test_a_prediction_that_never_ends_ends_the_process(
    models: Models, start_process, tmp_path: Path, photo: np.ndarray
):
    models.add("stuck.h5", delay_s=3600)
    script = tmp_path / "impatient.py"
    script.write_text(
        "import os\n"
        "from app.serving import host\n"
        "from tests.app.serving.thresholding import Thresholding\n"
        "os._exit(host.main([Thresholding()], hang_margin_s=0.5))\n"
    )
    process = start_process(str(script), INFERENCE_TIMEOUT_S="0.5")
    process.wait_until_ready()
    with pytest.raises((InferenceTimeout, InferenceUnavailable)):
        find(process.client, photo)
    assert process.process.wait(20) == EXIT_HANGS
    (event,) = process.events("inference_hangs")
    assert event["running_s"] >= 1
