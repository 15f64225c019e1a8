"""A model of 250 MB by way of a bucket: pushed, referred to, brought through cuts, and served."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import h5py
import pytest
import yaml

from app.cli.uploading import upload, upload_note
from app.serving.stores import store_of
from tests.chance import seed
from tests.large_model import write_large
from tests.stores.cutting import Way, cutting

pytestmark = [pytest.mark.gcs, pytest.mark.slow]

Slipway = Callable[..., subprocess.CompletedProcess[str]]


def _objects(storage: str, bucket: str) -> list[dict[str, str]]:
    url = f"{storage}/storage/v1/b/{bucket}/o"
    with urllib.request.urlopen(url, timeout=30) as answer:
        items: list[dict[str, str]] = json.load(answer).get("items", [])
        return items


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model of 250 MB."""
    return write_large(tmp_path_factory.mktemp("large") / "mask_rcnn_kite_0030.h5")


def _environment(folder: Path) -> dict[str, str]:
    return {
        "MODEL_REPOSITORY": str(folder / "models"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        # The stand-in asks nobody who they are.
        "FSSPEC_GS_TOKEN": "anon",
    }


@pytest.fixture
def slipway(tmp_path: Path) -> Slipway:
    """Return a function that runs the command over a repository of its own."""
    (tmp_path / "models").mkdir(exist_ok=True)

    def run(*words: object, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | _environment(tmp_path) | variables
        command = [sys.executable, "-m", "app.cli", *map(str, words)]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=300
        )

    return run


def test_a_large_model_is_pushed_brought_through_cut_connections_and_served(
    slipway: Slipway, large: Path, bucket: str, storage: str, root: Path, tmp_path: Path
):
    models, demo = tmp_path / "models", root / "models" / "shapes" / "1"
    config = yaml.safe_load((demo / "model.yaml").read_text())["config"]
    (models / "kite.yaml").write_text(f"# As it was trained.\n{yaml.safe_dump({'config': config})}")
    photo = demo / "samples" / "scene-500.png"
    push = ("push-model", large, f"gs://{bucket}/seen", "--name", "kite", "--photo", photo)
    pushed = slipway(*push)
    assert pushed.returncode == 0, pushed.stderr
    (there,) = _objects(storage, bucket)
    assert int(there["size"]) == large.stat().st_size
    written = (models / "kite.yaml").read_text()
    assert written.startswith("# As it was trained.\nconfig:")
    source = yaml.safe_load(written)["source"]
    assert source["uri"] == f"gs://{bucket}/{there['name']}"
    assert f"next: git add {models / 'kite.yaml'}" in pushed.stdout

    again = slipway(*push)
    assert again.returncode == 0, again.stderr
    assert f"{source['uri']} is there already" in again.stderr
    assert (models / "kite.yaml").read_text() == written

    address = urlsplit(storage)
    with cutting(str(address.hostname), int(address.port or 80), 32 << 20, 6, seed()) as way:
        here = f"http://127.0.0.1:{way.server_address[1]}"
        fetched = slipway("fetch", STORAGE_EMULATOR_HOST=here)
        assert way.cuts == []
    assert fetched.returncode == 0, fetched.stderr
    assert (models / "kite.h5").read_bytes() == large.read_bytes()
    assert (models / ".gitignore").read_text() == "/kite.h5\n"
    checked = slipway("check")
    assert checked.returncode == 0, checked.stdout
    assert "1 golden, " in checked.stdout


@pytest.fixture
def push(bucket: str, root: Path, tmp_path: Path) -> tuple[object, ...]:
    """Return the words that push a model of many pieces."""
    config = yaml.safe_load((root / "models/shapes/1/model.yaml").read_text())["config"]
    (tmp_path / "models").mkdir(exist_ok=True)
    (tmp_path / "models" / "kite.yaml").write_text(yaml.safe_dump({"config": config}))
    weights = write_large(tmp_path / "kite.h5", 64)
    return ("push-model", weights, f"gs://{bucket}", "--name", "kite")


def _killed(push: tuple[object, ...], environment: dict[str, str], way: Way, limit: int) -> None:
    """Push until so many bytes have gone, and kill it.

    None goes by later: the stand-in does not look where a piece belongs, and might have it twice.
    """
    way.most = limit
    command = [sys.executable, "-m", "app.cli", *map(str, push)]
    begun = subprocess.Popen(command, env=os.environ | environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while way.passed < limit:
        assert begun.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    begun.kill()
    begun.wait()
    way.most = None


def test_an_upload_that_was_killed_is_gone_on_with_by_the_next_run_while_its_session_lasts(
    push: tuple[object, ...], slipway: Slipway, bucket: str, storage: str, tmp_path: Path
):
    weights, address = Path(str(push[1])), urlsplit(storage)
    size, piece = weights.stat().st_size, 8 << 20
    with cutting(str(address.hostname), int(address.port or 80), 1, 0, 0, of_requests=True) as way:
        here = {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{way.server_address[1]}"}
        _killed(push, _environment(tmp_path) | here, way, 4 * piece + piece // 2)
        (note,) = (tmp_path / "cache" / "slipway" / "uploads").iterdir()
        assert note.stat().st_mode & 0o077 == 0
        known = json.loads(note.read_text())
        assert known["have"] == 4 * piece
        before = way.passed
        # A connection that is cut costs a piece at most, too.
        way.cuts.append(piece // 2)
        pushed = slipway(*push, **here)
        assert pushed.returncode == 0, pushed.stderr
        sent, missing = way.passed - before, size - known["have"]
    assert missing < sent < missing + 2 * piece
    (there,) = _objects(storage, bucket)
    assert base64.b64decode(there["md5Hash"]) == hashlib.md5(weights.read_bytes()).digest()
    assert list((tmp_path / "cache" / "slipway" / "uploads").iterdir()) == []


# gcsfs hands aiohttp bytes, in its own uploads too.
@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
def test_an_upload_whose_session_is_over_begins_anew(
    bucket: str, storage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name, value in _environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    uri, file = f"gs://{bucket}/kite.h5", tmp_path / "kite.h5"
    file.write_bytes(bytes(20 << 20))
    files, path = store_of(uri)
    with upload_note(uri) as note:
        assert note
        gone = f"{storage}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id=gone"
        note.write(json.dumps({"session": gone, "have": 8 << 20}))
    gone_by: list[int] = []
    upload(files, file, uri, path, gone_by.append)
    assert sum(gone_by) == file.stat().st_size
    (there,) = _objects(storage, bucket)
    assert base64.b64decode(there["md5Hash"]) == hashlib.md5(file.read_bytes()).digest()
    assert list((tmp_path / "cache" / "slipway" / "uploads").iterdir()) == []


def test_a_model_that_cannot_be_served_is_not_pushed(
    slipway: Slipway, bucket: str, storage: str, root: Path, tmp_path: Path
):
    (tmp_path / "models" / "kite.labels.txt").write_text("one\ntwo\n")
    weights = root / "models/shapes/1/shapes.h5"
    pushed = slipway("push-model", weights, "--name", "kite", gcp_bucket_name=bucket)
    assert pushed.returncode == 1
    assert pushed.stderr.splitlines()[-1].startswith("slipway: kite cannot be served: ")
    assert "labels" in pushed.stderr
    assert _objects(storage, bucket) == []
    assert not (tmp_path / "models" / "kite.yaml").exists()


def test_a_version_is_pushed_to_a_folder_of_its_own(
    slipway: Slipway, bucket: str, root: Path, tmp_path: Path
):
    weights = root / "models/shapes/1/shapes.h5"
    pushed = slipway("push-model", weights, f"gs://{bucket}", "--name", "kite", "--version", "3")
    assert pushed.returncode == 0, pushed.stderr
    assert slipway("fetch").returncode == 0
    assert (tmp_path / "models/kite/3/shapes.h5").read_bytes() == weights.read_bytes()


def test_a_model_that_was_trained_on_is_pushed_again_and_answers_its_goldens_anew(
    slipway: Slipway, bucket: str, root: Path, tmp_path: Path
):
    weights, models = root / "models/shapes/1/shapes.h5", tmp_path / "models"
    photo = root / "models/shapes/1/samples/scene-500.png"
    config = yaml.safe_load((root / "models/shapes/1/model.yaml").read_text())["config"]
    # In flow style, to which no line can be added.
    (models / "kite.yaml").write_text(json.dumps({"config": config}))
    push = ("push-model", f"gs://{bucket}", "--name", "kite")
    assert slipway(push[0], weights, *push[1:], "--photo", photo).returncode == 0
    before = (models / "golden/kite/scene-500.png.json").read_text()
    later = tmp_path / "later.h5"
    later.write_bytes(weights.read_bytes())
    with h5py.File(later, "r+") as file:
        file["mrcnn_class_logits/mrcnn_class_logits/bias:0"][0] += 3
    again = slipway(push[0], later, *push[1:])
    assert again.returncode == 0, again.stderr
    assert (models / "golden/kite/scene-500.png.json").read_text() != before
    assert yaml.safe_load((models / "kite.yaml").read_text())["config"] == config
    assert slipway("fetch").returncode == 0
    checked = slipway("check")
    assert checked.returncode == 0, checked.stdout
    assert "1 golden, " in checked.stdout
