"""The inference process and its client, over a real socket."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from app.kinds.mask_rcnn.tensors import PICTURE
from app.serving import wire
from app.serving.buffers import Buffers
from app.serving.client import Ask
from app.serving.connect import connect
from app.serving.errors import (
    InferenceFailed,
    InferenceTimeout,
    InferenceUnavailable,
    ModelNotFound,
    ModelNotReady,
)
from app.serving.local_client import LocalClient
from app.serving.messages import EnterRequest
from app.serving.packing import pack
from app.serving.socket_client import SocketClient
from app.settings import Settings
from tests.app.serving.inference_process import wait_for
from tests.app.serving.model_folder import Models
from tests.app.serving.pictures import ask, find, find_in_turn
from tests.app.serving.thresholding import Thresholding


@pytest.fixture
def client(models: Models, host):
    """Return the client of a process that serves `colours`, and `slow`, which takes 0.8 s.

    `last` looks at the last three of four channels.
    """
    models.add("colours.h5")
    models.add("last.h5", first_channel=1)
    models.add("slow.h5", delay_s=0.8)
    models.add("broken.h5", fails=True)
    process = host(DEFAULT_MODEL="colours")
    process.wait_until_ready()
    return process.client


def test_a_fourth_channel_comes_to_the_process(client: SocketClient, photo: np.ndarray):
    with_fourth = np.dstack([photo, photo[..., 0]])
    with_fourth[..., 0] = 0
    found = find(client, with_fourth, model="last")
    assert found.class_ids.tolist() == [3, 2]
    np.testing.assert_array_equal(found.boxes_yxyx, [[10, 20, 38, 48], [40, 50, 55, 70]])


def test_a_prediction_is_the_same_from_the_process_as_from_inside(
    client: SocketClient, local_client, photo: np.ndarray
):
    inside = local_client(DEFAULT_MODEL="colours")
    here, there = ask(inside, photo), ask(client, photo)
    assert (there.model, there.version) == ("colours", 1)
    assert there.result["image_size"].tolist() == [60, 80]
    boxes = there.result["boxes_yxyx"]
    np.testing.assert_array_equal(boxes, [[10, 20, 38, 48], [40, 50, 55, 70]])
    assert there.result.keys() == here.result.keys()
    for name, array in here.result.items():
        np.testing.assert_array_equal(there.result[name], array, strict=True)
    chosen = client.choose()
    assert (chosen.model, chosen.face) == ("colours", inside.choose().face)
    assert (chosen.model, chosen.facts) == ("colours", {"labels": ["red", "green", "blue"]})


def test_a_request_chooses_model_and_parameters(client: SocketClient, photo: np.ndarray):
    prediction = ask(client, photo, "slow", 1, min_score=0.9, max_instances=5)
    assert (prediction.model, prediction.result["class_ids"].tolist()) == ("slow", [1])
    assert prediction.inference_ms >= 800


def test_a_photo_without_anything_gives_no_instances(client: SocketClient):
    prediction = ask(client, np.zeros((1, 1, 3), np.uint8))
    assert prediction.result["masks"].shape == (0, 28, 28)


def test_a_photo_of_12_megapixels_passes(client: SocketClient):
    image = np.zeros((3000, 4000, 3), np.uint8)
    image[2000:2900, 3000:3900, 1] = 200
    assert find(client, image).boxes_yxyx.tolist() == [[2000, 3000, 2900, 3900]]


def test_errors_come_back_as_they_were_raised(client: SocketClient, photo: np.ndarray):
    with pytest.raises(ModelNotFound, match="there is broken, colours, last, slow"):
        ask(client, photo, model="nobody")
    with pytest.raises(InferenceFailed, match="broken version 1: RuntimeError"):
        ask(client, photo, model="broken")
    assert len(find(client, photo)) == 2


def test_the_state_of_the_models_does_not_wait_behind_a_prediction(
    client: SocketClient, photo: np.ndarray
):
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(ask, client, photo, model="slow")
        time.sleep(0.1)
        assert [model.name for model in client.models()] == ["broken", "colours", "last", "slow"]
        assert client.is_ready()
        assert not running.done()
        running.result(10)


def test_threads_share_a_client(client: SocketClient):
    def predict(number: int) -> int:
        image = np.zeros((20, 300, 3), np.uint8)
        image[5:10, number : number + 5, 0] = 255
        return int(find(client, image).boxes_yxyx[0, 1])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(predict, range(200))) == list(range(200))


def test_requests_leave_no_descriptor_and_no_memory_behind(client: SocketClient, photo: np.ndarray):
    host = client_process(client)
    ask(client, photo)
    before = descriptors("self"), descriptors(host)
    for _ in range(50):
        ask(client, photo)
        with pytest.raises(ModelNotFound):
            ask(client, photo, model="nobody")
        with pytest.raises(InferenceFailed):
            ask(client, photo, model="broken")
    assert descriptors("self") <= before[0]
    # The process lets go right after it has answered.
    wait_for(lambda: descriptors(host) <= before[1], "the process holds no more than before", 2)
    maps = Path(f"/proc/{host}/maps")
    wait_for(lambda: "memfd:pixels" not in maps.read_text(), "no photo is mapped", 2)


def descriptors(process: int | str) -> int:
    """Count what a process has open."""
    return len(os.listdir(f"/proc/{process}/fd"))


def client_process(client: SocketClient) -> int:
    """Return the process at the other end of the client's socket."""
    connection = socket.socket(socket.AF_UNIX)
    with connection:
        connection.connect(str(client.path))
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int.from_bytes(credentials[:4], sys.byteorder)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"GET / HTTP/1.1\r\n\r\n    ", id="http"),
        pytest.param(b"SLW2\xff\xff\xff\xff" + b"\xff" * 13, id="absurd length"),
    ],
)
def test_a_bad_message_ends_its_connection_alone(
    client: SocketClient, photo: np.ndarray, data: bytes
):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(client.path))
        connection.sendall(data)
        connection.settimeout(5)
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""
    assert len(find(client, photo)) == 2


def layout(height: int, width: int) -> list[object]:
    """Return how a picture of a size is announced."""
    return [[PICTURE, "uint8", [height, width, 3], 3 * height * width]]


@pytest.mark.parametrize(
    ("header", "has_pixels", "enters"),
    [
        pytest.param({"op": "dance"}, False, False, id="unknown operation"),
        pytest.param({"op": "enter"}, False, False, id="no model"),
        pytest.param({"op": "predict"}, True, True, id="no fields"),
        pytest.param({"layout": layout(60, 80)}, True, False, id="no place"),
        pytest.param({"layout": layout(60, 80)}, False, True, id="no pixels"),
        pytest.param({"layout": layout(6100, 8000)}, True, True, id="another size"),
    ],
)
def test_a_bad_request_ends_its_connection_alone(
    client: SocketClient,
    photo: np.ndarray,
    header: dict[str, object],
    has_pixels: bool,
    enters: bool,
):
    if "layout" in header:
        header = {"op": "predict", "asked": {}, "entry": None, **header}
    memory = Buffers().fill(*pack({PICTURE: photo})) if has_pixels else None
    message = wire.Message(header, descriptor=memory)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(client.path))
        if enters:
            wire.send(connection, wire.Message(EnterRequest(None, None, 5).header()))
            assert wire.Reader(connection).wait(time.monotonic() + 5)
        wire.send(connection, message)
        message.close()
        assert wire.Reader(connection).wait(time.monotonic() + 5) is None
    assert len(find(client, photo)) == 2


def test_a_photo_may_ask_for_its_place_itself(client: SocketClient, photo: np.ndarray):
    with contextlib.closing(client.enter(Ask(), ahead=False)) as turn:
        assert len(find_in_turn(turn, photo)) == 2
    with (
        contextlib.closing(client.enter(Ask("nobody"), ahead=False)) as turn,
        pytest.raises(ModelNotFound),
    ):
        find_in_turn(turn, photo)
    client.enter(Ask(), ahead=False).close()
    assert len(find(client, photo)) == 2


def test_the_socket_is_for_its_user_alone(client: SocketClient):
    assert stat.S_IMODE(client.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(client.path.parent.stat().st_mode) == 0o700


def test_after_a_timeout_the_next_request_gets_its_own_answer(
    models: Models, host, photo: np.ndarray
):
    models.add("slow.h5", delay_s=1)
    models.add("colours.h5")
    process = host(INFERENCE_TIMEOUT_S="0.5")
    process.wait_until_ready()
    with pytest.raises(InferenceTimeout, match=r"within 0.5 s"):
        ask(process.client, photo, model="slow")
    time.sleep(1)
    assert ask(process.client, photo, model="colours").model == "colours"


def test_models_that_load_are_seen_loading_and_asked_for_are_not_ready(
    models: Models, host, photo: np.ndarray
):
    models.add("large.h5", load_s=1)
    process = host()
    (status,) = wait_for(lambda: _models(process.client), "it answers")
    assert status.state == "loading"
    assert process.client.readiness() == (False, "large version 1 is loading")
    with pytest.raises(ModelNotReady, match="large version 1 is loading"):
        ask(process.client, photo)
    process.wait_until_ready()


def _models(client: SocketClient):
    try:
        return client.models()
    except InferenceUnavailable:
        return None


def test_without_a_process_inference_is_unavailable(settings: Settings, photo: np.ndarray):
    client = connect(settings.serving)
    with pytest.raises(InferenceUnavailable, match="No such file") as refusal:
        ask(client, photo)
    assert refusal.value.retry_after_s > 0
    with pytest.raises(InferenceUnavailable):
        client.models()
    is_ready, reason = client.readiness()
    assert not is_ready
    assert "not available" in reason
    assert not client.is_ready()


def test_a_process_that_is_told_to_end_answers_first(models: Models, host, photo: np.ndarray):
    models.add("slow.h5", delay_s=0.5)
    process = host()
    process.wait_until_ready()
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(ask, process.client, photo) for _ in range(2)]
        time.sleep(0.2)
        process.process.send_signal(signal.SIGTERM)
        assert [len(answer.result(10).result["scores"]) for answer in answers] == [2, 2]
    assert process.process.wait(5) == 0
    assert process.events("inference_stopped")[0]["is_drained"]
    assert not process.client.path.exists()


def test_a_bad_setting_ends_the_process_with_one_line(host):
    process = host(INFERENCE_THREADS="many")
    assert process.process.wait(10) == 2
    (event,) = process.events("bad_setting")
    assert event["error"].startswith("INFERENCE_THREADS='many': must be a whole number")


def test_the_log_tells_the_settings_then_each_model(models: Models, host):
    models.add("colours.h5")
    process = host(INFERENCE_THREADS="3")
    process.wait_until_ready()
    (settings,) = process.events("settings")
    assert settings["MODEL_REPOSITORY"] == str(models.folder)
    assert settings["threads"] == 3
    (ready,) = process.events("model_ready")
    assert (ready["model"], ready["version"]) == ("colours", 1)


def test_stdout_holds_the_log_alone(models: Models, start_process, root: Path, tmp_path: Path):
    models.add("colours.h5")
    script = tmp_path / "chatty.py"
    script.write_text(
        "import os, sys\n"
        "from app.serving import host\n"
        "from tests.app.serving.thresholding import Thresholding\n"
        "class Chatty(Thresholding):\n"
        "    def load(self, source):\n"
        "        print('chatter'); sys.stdout.flush(); os.write(1, b'native chatter')\n"
        "        return super().load(source)\n"
        "os._exit(host.main([Chatty()]))\n"
    )
    process = start_process(str(script))
    process.wait_until_ready()
    assert process.events("model_ready")
    assert "chatter" not in process.log_path.read_text()


def test_an_orphan_ends(models: Models, environment, root: Path):
    models.add("colours.h5")
    script = root / "tests/app/serving/thresholding.py"
    launcher = (
        "import subprocess, sys, time\n"
        f"print(subprocess.Popen([sys.executable, {str(script)!r}]).pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", launcher],
        env=os.environ | {"PYTHONPATH": str(root)} | environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    orphan = int(parent.stdout.readline())
    client = SocketClient(Path(environment["INFERENCE_SOCKET"]))
    wait_for(client.is_ready, "it is ready")
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: not Path(f"/proc/{orphan}/cmdline").is_file(), "the orphan ends", 5)
    client.close()


@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
def test_a_fork_does_not_share_its_parents_connection(client: SocketClient, photo: np.ndarray):
    ask(client, photo)
    child = os.fork()
    if not child:
        found = len(find(client, photo)) if client.is_ready() else 0
        os._exit(found)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
    assert len(find(client, photo)) == 2


def test_settings_choose_where_models_run(environment, models: Models, photo: np.ndarray):
    models.add("colours.h5")
    settings = Settings.from_environment(environment | {"INFERENCE": "in_process"})
    client = connect(settings.serving, kinds=[Thresholding()])
    assert isinstance(client, LocalClient)
    assert client.wait_until_loaded(10)
    assert client.is_ready()
    assert len(find(client, photo)) == 2
    client.close()


def test_threads_that_end_close_their_connections(client: SocketClient):
    client.is_ready()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        thread = threading.Thread(target=client.is_ready)
        thread.start()
        thread.join()
    assert len(os.listdir("/proc/self/fd")) <= before
