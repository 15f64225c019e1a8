"""A server whose models lie in a bucket: they come whole, go on after a cut, and go."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import numpy as np
import pytest
from PIL import Image

from tests.app.api.server import Server
from tests.app.serving.inference_process import wait_for
from tests.chance import seed
from tests.stores.cutting import cutting

pytestmark = [pytest.mark.gcs, pytest.mark.slow]


class Bucket:
    """A folder of a bucket, and how to put files there."""

    def __init__(self, storage: str, name: str, folder: str = "our/models/") -> None:
        self._storage, self._name, self._folder = storage, name, folder
        self.address = f"gs://{name}/{folder}"

    def put(self, place: str, content: bytes) -> None:
        named = f"uploadType=media&name={quote(self._folder + place, safe='')}"
        url = f"{self._storage}/upload/storage/v1/b/{self._name}/o?{named}"
        headers = {"Content-Type": "application/octet-stream"}
        urllib.request.urlopen(urllib.request.Request(url, content, headers), timeout=60).close()

    def add(self, place: str, **values: object) -> None:
        """Put a thresholding model there."""
        self.put(place, json.dumps({"threshold": 128, **values}).encode())

    def remove(self, place: str) -> None:
        path = quote(self._folder + place, safe="")
        url = f"{self._storage}/storage/v1/b/{self._name}/o/{path}"
        urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=60).close()


@pytest.fixture
def models(storage: str, bucket: str) -> Bucket:
    """Return a folder of a new bucket with the model `street`."""
    models = Bucket(storage, bucket)
    models.add("street/1/street.h5")
    return models


@pytest.fixture
def serve(models: Bucket, tmp_path: Path, root: Path) -> Iterator[Callable[..., Server]]:
    """Return a function that serves what lies in the bucket."""
    started: list[Server] = []

    def start(**variables: str) -> Server:
        for server in started:
            server.end()
        told = {
            "MODEL_REPOSITORY": models.address,
            "MODEL_MIRROR": str(tmp_path / "mirrors"),
            "MODEL_POLL_S": "0.2",
            "MODEL_CONTROL": "on",
            # The stand-in asks nobody who they are.
            "FSSPEC_GS_TOKEN": "anon",
        }
        started.append(Server(tmp_path, tmp_path, root, **(told | variables)))
        return started[-1]

    yield start
    for server in started:
        server.end()


@pytest.fixture(scope="module")
def photo() -> bytes:
    """Return a black picture with a red rectangle."""
    pixels = np.zeros((60, 80, 3), np.uint8)
    pixels[10:38, 20:48, 0] = 250
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def states(server: Server) -> dict[str, str]:
    listed = server.ask("/models").json()["models"]
    return {f"{one['name']}/{one['version']}": one["state"] for one in listed}


def test_models_of_a_bucket_are_served_and_come_and_go_with_it(
    models: Bucket, serve: Callable[..., Server], photo: bytes
):
    models.put("street/1/samples/a.png", photo)
    server = serve()
    server.wait_until_ready()
    wait_for(lambda: "Slipway is ready: " in server.spoken(), "the person is told")
    assert "is not ready" not in server.spoken()
    assert server.predict(photo).json()["version"] == 1
    assert server.ask("/samples/street/a.png").body == photo
    assert server.events("settings")[0]["MODEL_REPOSITORY"] == models.address.rstrip("/")
    models.add("street/2/street.h5")
    wait_for(lambda: states(server) == {"street/2": "ready"}, "version 2 serves")
    models.put("street/versions.yaml", b"serve: all")
    wait_for(lambda: states(server) == {"street/1": "ready", "street/2": "ready"}, "both serve")
    models.remove("street/versions.yaml")
    models.remove("street/2/street.h5")
    wait_for(lambda: states(server) == {"street/1": "ready"}, "version 1 serves again")
    models.put("street/3/street.h5", b"no model")
    wait_for(lambda: states(server).get("street/3") == "failed", "version 3 has failed")
    assert server.predict(photo).json()["version"] == 1
    models.add("harbour/1/harbour.h5")
    # Whoever tells need not wait for the next look.
    assert server.ask("/v2/repository/models/harbour/load", b"").status == 200
    assert states(server)["harbour/1"] == "ready"
    assert server.metric("slipway_repository_up") == 1


def test_a_name_that_leads_elsewhere_is_left_out(
    models: Bucket, serve: Callable[..., Server], tmp_path: Path
):
    for name in ("../../escaped.h5", "street/1/../../../escaped.h5", "street//1/escaped.h5"):
        models.put(name, b"{}")
    server = serve()
    server.wait_until_ready()
    assert states(server) == {"street/1": "ready"}
    assert list(tmp_path.rglob("escaped.h5")) == []


def test_a_whole_bucket_may_be_a_repository(
    models: Bucket, serve: Callable[..., Server], storage: str, bucket: str
):
    Bucket(storage, bucket, "").add("harbour.h5")
    server = serve(MODEL_REPOSITORY=f"gs://{bucket}")
    server.wait_until_ready()
    # Of what lies deeper the server says itself that it is no model.
    assert states(server)["harbour/1"] == "ready"
    assert "our/0" in states(server)


def test_a_version_that_is_uploaded_file_by_file_appears_whole(
    models: Bucket, serve: Callable[..., Server]
):
    server = serve(MODEL_POLL_S="1")
    server.wait_until_ready()
    models.put("street/2/labels.txt", b"a\nb\nc\n")
    wait_for(lambda: len(server.events("mirrored")) == 1, "the start is over")
    models.add("street/2/street.h5")
    wait_for(lambda: states(server) == {"street/2": "ready"}, "version 2 serves")
    assert [event["files"] for event in server.events("mirrored")] == [1, 2]
    assert server.events("model_failed") == []


def test_a_bucket_that_cannot_be_reached_leaves_what_serves_and_is_told_once(
    models: Bucket, serve: Callable[..., Server], storage: str, photo: bytes
):
    address = urlsplit(storage)
    with cutting(str(address.hostname), int(address.port or 80), 1, 0, seed()) as way:
        here = {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{way.server_address[1]}"}
        server = serve(**here)
        server.wait_until_ready()
        assert server.metric("slipway_repository_up") == 1
        way.most = 0
        # Google's driver asks again for half a minute.
        wait_for(lambda: server.metric("slipway_repository_up") == 0, "it is told", 90)
        assert server.predict(photo).json()["version"] == 1
        assert server.ask("/readyz").status == 200
        (told,) = server.events("repository_unreadable")
        assert told["error"].startswith(f"{models.address.rstrip('/')}: ")
        way.most = None
        wait_for(lambda: server.metric("slipway_repository_up") == 1, "it is over", 90)


def test_a_bucket_that_is_not_there_keeps_the_server_unready_with_the_reason(
    models: Bucket, serve: Callable[..., Server]
):
    server = serve(MODEL_REPOSITORY="gs://no-such-bucket-here/models")
    wait_for(lambda: server.events("repository_unreadable"), "it is told", 60)
    answer = server.ask("/readyz")
    assert answer.status == 503
    told = "the model repository cannot be read: gs://no-such-bucket-here/models: it is not there"
    assert answer.json()["detail"].startswith(told)


def test_a_large_model_comes_through_cut_connections_without_beginning_anew(
    models: Bucket, serve: Callable[..., Server], storage: str, tmp_path: Path
):
    size = 96 << 20
    content = np.random.default_rng(5).bytes(size)
    models.put("large/1/large.h5", content)
    address = urlsplit(storage)
    with cutting(str(address.hostname), int(address.port or 80), 24 << 20, 5, seed()) as way:
        server = serve(STORAGE_EMULATOR_HOST=f"http://127.0.0.1:{way.server_address[1]}")
        wait_for(lambda: states_of(server).get("large/1") == "failed", "it has come", 120)
        assert way.cuts == []
        assert way.passed < 2.5 * size
    (brought,) = tmp_path.glob("mirrors/*/large/1/large.h5")
    assert brought.read_bytes() == content


def test_what_had_come_when_the_process_was_killed_does_not_come_again(
    models: Bucket, serve: Callable[..., Server], storage: str, tmp_path: Path
):
    size, block = 80 << 20, 16 << 20
    models.put("large/1/large.h5", np.random.default_rng(6).bytes(size))
    address = urlsplit(storage)
    with cutting(str(address.hostname), int(address.port or 80), 1, 0, seed()) as way:
        server = serve(STORAGE_EMULATOR_HOST=f"http://127.0.0.1:{way.server_address[1]}")
        wait_for(lambda: way.passed > 2.5 * block, "half of it has come", 60)
        os.kill(server.inference_process(), signal.SIGKILL)
        wait_for(lambda: states_of(server).get("large/1") == "failed", "it has come", 120)
        assert len(server.events("inference_started")) == 2
        assert way.passed < size + 1.5 * block
    (brought,) = tmp_path.glob("mirrors/*/large/1/large.h5")
    assert brought.stat().st_size == size


def test_slipway_fetch_mirrors_a_bucket_once_without_a_server(models: Bucket, tmp_path: Path):
    def slipway(word: str) -> subprocess.CompletedProcess[str]:
        mirrors = {"MODEL_MIRROR": str(tmp_path), "FSSPEC_GS_TOKEN": "anon"}
        environment = os.environ | {"MODEL_REPOSITORY": models.address} | mirrors
        command = [sys.executable, "-m", "app.cli", word]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=120
        )

    fetched = slipway("fetch")
    (folder,) = tmp_path.iterdir()
    told = f"{models.address.rstrip('/')} is mirrored in {folder}\n"
    assert (fetched.returncode, fetched.stdout, fetched.stderr) == (0, told, "")
    # Of a kind that is the tests' alone.
    assert "street" in slipway("models").stdout
    models.remove("street/1/street.h5")
    assert slipway("fetch").returncode == 0
    assert "holds no model" in slipway("models").stderr


def states_of(server: Server) -> dict[str, str]:
    """Return what `states` does; nothing as long as the server does not answer."""
    try:
        return states(server)
    except (OSError, KeyError):
        return {}
