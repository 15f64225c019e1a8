"""Who does not keep to the turns of the inference socket: nobody else is the worse for it."""

from __future__ import annotations

import select
import socket
import time
from pathlib import Path

import numpy as np
import pytest

from app.kinds.mask_rcnn.tensors import PICTURE, instances_of
from app.serving import messages, wire
from app.serving.errors import InferenceFailed
from app.serving.messages import EnterRequest, PredictRequest
from app.serving.socket_client import SocketClient
from tests.app.serving.model_folder import Models
from tests.app.serving.pictures import ask, find


@pytest.fixture
def client(models: Models, host) -> SocketClient:
    """Return the client of a process that serves `colours`, and `slow`, which takes 0.8 s."""
    models.add("colours.h5")
    models.add("slow.h5", delay_s=0.8)
    process = host(DEFAULT_MODEL="colours")
    process.wait_until_ready()
    return process.client


def test_who_is_slow_to_read_an_answer_keeps_nobody_waiting(
    client: SocketClient, photo: np.ndarray
):
    entry = EnterRequest("colours", None, 20)
    request = PredictRequest({}, entry, rows=(100, True))
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(client.path))
        pictures = {PICTURE: np.stack([photo] * 100)}
        wire.send(connection, wire.Message(request.header(), pictures, number=7))
        wire.wait_for(connection, select.POLLIN, time.monotonic() + 10)
        for _ in range(3):
            assert len(find(client, photo)) == 2
        answer = wire.Reader(connection).wait(time.monotonic() + 10)
    assert answer.number == 7
    predictions = messages.to_predictions(answer)
    # Three times what a socket holds.
    assert sum(one.nbytes for one in answer.arrays.values()) > 600_000
    assert [len(instances_of(one.result)) for one in predictions] == [2] * 100


def test_who_does_not_wait_for_an_answer_is_cut_off_alone(client: SocketClient, photo: np.ndarray):
    request = PredictRequest({}, EnterRequest("slow", None, 20))
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(client.path))
        wire.send(connection, wire.Message(request.header(), {PICTURE: photo}))
        wire.send(connection, wire.Message({"op": "models"}))
        assert wire.Reader(connection).wait(time.monotonic() + 10) is None
    assert len(find(client, photo)) == 2


def test_who_asked_a_model_whose_answer_no_message_holds_is_told_at_once(
    models: Models, start_process, tmp_path: Path, photo: np.ndarray
):
    models.add("odd.h5")
    script = tmp_path / "odd.py"
    script.write_text(
        "import os\n"
        "import numpy as np\n"
        "from app.serving import host\n"
        "from tests.app.serving import thresholding\n"
        "def predict(self, inputs, asked):\n"
        "    return [{'spectrum': np.zeros(3, complex)} for _ in inputs]\n"
        "thresholding.LoadedThresholding.predict = predict\n"
        "os._exit(host.main([thresholding.Thresholding()]))\n"
    )
    process = start_process(str(script))
    process.wait_until_ready()
    for _ in range(2):
        with pytest.raises(InferenceFailed, match="PackingError"):
            ask(process.client, photo)
