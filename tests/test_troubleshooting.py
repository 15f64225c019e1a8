"""A new user's worst mistakes: each gives the one line that docs/troubleshooting.md shows."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.application import create_app
from app.kinds.mask_rcnn import MaskRcnn
from app.log import JsonLines
from app.records.outbox import Outbox
from app.records.settings import RecordSettings
from app.serving.local_client import LocalClient
from app.serving.vacancy import no_model
from app.settings import Settings
from tests.app.api.server import free_port
from tests.app.serving.model_folder import Models
from tests.app.serving.thresholding import Thresholding
from tests.mrcnn.tiny import Groups, changed


@pytest.fixture
def shown(root: Path) -> Callable[[str], re.Pattern[str]]:
    """Return a function that gives what the page shows under a heading, as a pattern."""
    page = (root / "docs" / "troubleshooting.md").read_text()

    def pattern(heading: str) -> re.Pattern[str]:
        section = page.split(f"\n## {heading}\n")[1]
        line = re.findall(r"```\n(.+)\n```", section)[0]
        return re.compile(".+".join(re.escape(part) for part in line.split("…")))

    return pattern


@pytest.fixture
def error_of(
    tmp_path: Path, tiny_file: Path
) -> Iterator[Callable[[Callable[[Groups], object]], str]]:
    """Return a function that serves a changed weight file and gives the line of its failure."""
    started: list[LocalClient] = []

    def serve(change: Callable[[Groups], object]) -> str:
        (tmp_path / "changed").mkdir()
        changed(tiny_file, tmp_path / "changed" / "street.h5", change)
        settings = Settings.from_environment({"MODEL_REPOSITORY": str(tmp_path / "changed")})
        started.append(LocalClient.start(settings.serving, kinds=[MaskRcnn()]))
        assert started[-1].wait_until_loaded(60)
        return started[-1].readiness()[1]

    yield serve
    for inference in started:
        inference.close()


@pytest.fixture
def client(tmp_path: Path):
    """Return a client of the application over a repository whose one file is no model."""
    folder = tmp_path / "models" / "street" / "1"
    folder.mkdir(parents=True)
    (folder / "street.h5").write_bytes(b"\x89HDF\r\n\x1a\n and then nothing more")
    environment = {
        "MODEL_REPOSITORY": str(tmp_path / "models"),
        "INFERENCE": "in_process",
        "PREDICTION_LOG": "off",
    }
    settings = Settings.from_environment(environment)
    inference = LocalClient.start(settings.serving, kinds=[MaskRcnn()])
    assert inference.wait_until_loaded(60)
    yield create_app(settings, inference).test_client()
    inference.close()


def test_a_file_that_is_no_model(client, shown):
    expected = shown("A file in `models/` that is no model")
    assert expected.fullmatch(client.get("/readyz").get_json()["detail"])
    (version,) = client.get("/models/street").get_json()["versions"]
    assert expected.fullmatch(f"street version 1 failed: {version['error']}")


def test_a_model_by_reference_that_is_not_here(tmp_path: Path, shown):
    models = Models(tmp_path / "models")
    source = {"uri": "gs://bucket/street.h5", "sha256": "0" * 64, "bytes": 255_857_617}
    models.write("street/1/model.yaml", json.dumps({"source": source}))
    settings = Settings.from_environment({"MODEL_REPOSITORY": str(models.folder)})
    inference = LocalClient.start(settings.serving, kinds=[Thresholding()])
    assert inference.wait_until_loaded(60)
    expected = shown("A model by reference that is not here")
    assert expected.fullmatch(inference.readiness()[1])
    inference.close()


def test_a_model_whose_training_had_diverged(error_of, shown):
    def diverge(groups: Groups) -> None:
        groups["conv1"][0][1][0] = np.nan

    assert shown("A model whose training had diverged").fullmatch(error_of(diverge))


def test_a_grey_model(error_of, shown):
    def grey(groups: Groups) -> None:
        (name, kernel), bias = groups["conv1"]
        groups["conv1"] = [(name, kernel.sum(axis=2, keepdims=True)), bias]

    assert shown("A grey model, or one of four channels").fullmatch(error_of(grey))


def test_another_field_name(client, shown):
    form = {"photo": (io.BytesIO(b"x"), "photo.jpg")}
    problem = client.post("/predict", data=form).get_json()
    assert shown("Another field name than `image`").fullmatch(problem["detail"])


def test_a_huge_photo(shown, models_app):
    buffer = io.BytesIO()
    Image.new("1", (10_000, 6_000)).save(buffer, "PNG")
    problem = models_app.test_client().post("/predict", data=buffer.getvalue()).get_json()
    assert shown("A huge photo").fullmatch(problem["detail"])


@pytest.fixture
def models_app(tmp_path: Path):
    """Return an application whose model is ready."""
    models = Models(tmp_path / "ready")
    models.add("street/1/street.h5")
    environment = {"MODEL_REPOSITORY": str(models.folder), "INFERENCE": "in_process"}
    settings = Settings.from_environment(environment)
    inference = LocalClient.start(settings.serving, kinds=[Thresholding()])
    assert inference.wait_until_loaded(60)
    yield create_app(settings, inference)
    inference.close()


def serve(root: Path, *before: str, status: int = 1, **variables: str) -> str:
    """Run `slipway serve` where it cannot start, and return the line that it says."""
    outcome = subprocess.run(
        [*before, sys.executable, "-m", "app.cli", "serve"],
        cwd=root,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert outcome.returncode == status, outcome.stderr
    (line,) = outcome.stderr.splitlines()
    return line


def test_no_folder(root: Path, tmp_path: Path, shown):
    line = serve(root, status=2, MODEL_REPOSITORY=str(tmp_path / "nowhere"))
    assert shown("The folder of the models is not there").fullmatch(line)


def test_an_empty_folder(tmp_path: Path, shown):
    line = no_model(tmp_path)
    assert line is not None
    assert shown("No model in the folder").fullmatch(line)


def test_a_port_in_use(root: Path, shown):
    with socket.socket() as other:
        other.bind(("", 0))
        other.listen()
        line = serve(root, PORT=str(other.getsockname()[1]))
    assert shown("The port is in use").fullmatch(line)


def test_a_prediction_log_of_another_user(tmp_path: Path, caplog, shown):
    (tmp_path / "volume").write_text("nobody can make a file in it")
    log = Outbox(tmp_path / "volume" / "predictions.sqlite", RecordSettings())
    assert not log.commit([], timeout_s=1)
    line = JsonLines().format(caplog.records[0])
    assert shown("Predictions are not on record").search(line)
    assert str(log.path) in line


@pytest.fixture
def full() -> Iterator[Path]:
    """Return an empty folder of a short name, in which a socket's path has room."""
    folder = tempfile.mkdtemp()
    yield Path(folder)
    shutil.rmtree(folder)


def test_no_room_on_the_disk(root: Path, full: Path, shown):
    script = f'mount -t tmpfs -o size=64k tmpfs "{full}" && exec "$@"'
    line = serve(
        root,
        *("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"),
        TMPDIR=str(full),
        PORT=str(free_port()),
    )
    assert shown("No room on the disk").fullmatch(line)
    assert str(full) in line
