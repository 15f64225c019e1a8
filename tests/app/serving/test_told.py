"""What the inference process does for those who tell it something, while others go on asking."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from app.serving.errors import LoadFailed, ModelNotFound, ModelNotReady
from app.serving.socket_client import SocketClient
from tests.app.serving.inference_process import wait_for
from tests.app.serving.model_folder import Models
from tests.app.serving.pictures import ask


@pytest.fixture
def client(models: Models, host) -> SocketClient:
    """Return the client of a process that looks for nothing by itself."""
    models.add("street/1/street.h5")
    process = host(MODEL_POLL_S="0")
    process.wait_until_ready()
    return process.client


def test_others_are_answered_while_a_load_that_was_told_takes_its_time(
    client: SocketClient, models: Models, photo: np.ndarray
):
    models.add("street/2/street.h5", load_s=1.5)
    loading = threading.Thread(target=client.load_model, args=("street", 20))
    loading.start()
    wait_for(lambda: len(client.models()) == 2, "it is being loaded")
    for _ in range(3):
        assert ask(client, photo).version == 1
    assert client.is_ready()
    assert loading.is_alive()
    loading.join(20)
    assert ask(client, photo).version == 2


def test_what_comes_of_telling_is_told_over_the_socket(
    client: SocketClient, models: Models, photo: np.ndarray
):
    with pytest.raises(ModelNotFound):
        client.load_model("other", 20)
    models.write("street/2/street.h5", "no model")
    with pytest.raises(LoadFailed, match="street version 2 failed"):
        client.load_model("street", 20)
    assert ask(client, photo).version == 1
    client.unload_model("street", 20)
    with pytest.raises(ModelNotReady, match="unloaded"):
        ask(client, photo)
    assert {one.state for one in client.models()} == {"unloaded"}


def test_a_sample_picture_comes_whole_over_the_socket(client: SocketClient, models: Models):
    content = np.random.default_rng(3).bytes(3 << 20)
    path = models.folder / "street/1/samples/road.png"
    path.parent.mkdir()
    path.write_bytes(content)
    assert client.sample("street", "road.png") is None
    client.load_model("street", 20)
    assert [one.samples for one in client.models()] == [["road.png"]]
    assert client.sample("street", "road.png") == content
    assert client.sample("street", "other.png") is None
    assert client.trouble() is None
