"""Which model a request means, asked of the inference process before its inputs are read."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from app.serving.client import Ask
from app.serving.errors import CallerGone, InferenceTimeout, ModelChanged
from app.serving.socket_client import SocketClient
from tests.app.serving.inference_process import wait_for
from tests.app.serving.model_folder import Models
from tests.app.serving.pictures import find_in_turn
from tests.app.serving.test_host import client_process


@pytest.fixture
def client(models: Models, host) -> SocketClient:
    """Return the client of a process that serves `colours`."""
    models.add("colours.h5")
    process = host()
    process.wait_until_ready()
    return process.client


def test_a_process_that_hangs_is_waited_for_as_long_as_the_request_has(client: SocketClient):
    host = client_process(client)
    os.kill(host, signal.SIGSTOP)
    # It stops when it next comes to the kernel.
    stat = Path(f"/proc/{host}/stat")
    wait_for(lambda: stat.read_text().rpartition(") ")[2][0] == "T", "it is stopped")
    try:
        with pytest.raises(InferenceTimeout, match=r"within 0\.2 s"):
            client.choose(Ask(timeout_s=0.2))
        with pytest.raises(CallerGone):
            client.choose(Ask(timeout_s=20, is_gone=lambda: True))
    finally:
        os.kill(host, signal.SIGCONT)


@pytest.mark.parametrize("ahead", [True, False])
def test_a_request_that_was_read_for_another_model_is_told(
    client: SocketClient, photo: np.ndarray, ahead: bool
):
    loaded = client.choose().loaded
    with contextlib.closing(client.enter(Ask(loaded=loaded), ahead=ahead)) as turn:
        assert len(find_in_turn(turn, photo)) == 2
    before = Ask(loaded="one of before")
    with pytest.raises(ModelChanged), contextlib.closing(client.enter(before, ahead=ahead)) as turn:
        find_in_turn(turn, photo)
