"""The lines to copy from `/docs` do what they say, against a real server."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.api.contract.snippets import ORIGIN
from app.records.outbox import Outbox
from app.records.settings import RecordSettings
from tests.app.api.contract import contract
from tests.app.api.server import Server
from tests.app.records.made import row
from tests.app.serving.model_folder import Models

pytestmark = pytest.mark.server

SNIPPETS = [
    pytest.param(sample, id=f"{operation['operationId']} {sample['label']}")
    for methods in contract()["paths"].values()
    for operation in methods.values()
    for sample in operation["x-codeSamples"]
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Server]:
    """Return a server with what the lines name: a model, a sample, a prediction."""
    folder = tmp_path_factory.mktemp("server")
    models = Models(folder / "models")
    models.add("street/1/street.h5")
    models.write("street/1/samples/crossing.jpg", b"jpeg")
    records = Outbox(folder / "predictions.sqlite", RecordSettings())
    assert records.commit([row(prediction_id="01JD6Z8M1T7C4N9E5H3YVQ0KSB")], 5)
    records.close()
    server = Server(folder, models.folder, root, MODEL_CONTROL="on", PREDICTIONS="open")
    server.wait_until_ready()
    yield server
    server.end()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with `photo.jpg`: a red rectangle."""
    pixels = np.zeros((60, 80, 3), np.uint8)
    pixels[10:38, 20:48, 0] = 250
    Image.fromarray(pixels).save(tmp_path / "photo.jpg", quality=95, subsampling=0)
    return tmp_path


@pytest.mark.parametrize("sample", SNIPPETS)
def test_lines_to_copy_work(sample: dict[str, str], server: Server, folder: Path):
    source = sample["source"].replace(ORIGIN, server.url)
    is_shell = sample["lang"] == "Shell"
    command = ["bash", "-c"] if is_shell else [sys.executable, "-c"]
    asked = source.replace("curl ", "curl -sS --fail ") if is_shell else source
    ran = subprocess.run([*command, asked], cwd=folder, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr.decode()
    if not is_shell:
        assert ran.stdout.startswith(b"red 0.9")
    elif "drawn.png" in source:
        with Image.open(folder / "drawn.png") as drawn:
            assert drawn.size == (80, 60)
    elif "coco+json" in source:
        (result,) = json.loads(ran.stdout)
        assert (result["image_id"], result["category_id"]) == (42, 1)
    elif "predictions.csv" in source:
        assert (folder / "predictions.csv").read_text().startswith("prediction_id,")
    elif re.search(r"/predict\b(?!ions)", source):
        (instance,) = json.loads(ran.stdout)["instances"]
        assert instance["label"] == "red"
    elif "/load" in source or "/unload" in source:
        assert ran.stdout == b"200\n"
        # The other lines ask this model.
        assert server.ask("/v2/repository/models/street/load", b"").status == 200
    else:
        assert ran.stdout
