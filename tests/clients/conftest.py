"""One real server for all that asks one here: the demo models, and one that tells pixels apart."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app.api.server import Server
from tests.app.kinds.onnx.test_onnx_segmenters import LABELS, OPTIONS, strongest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run `slipway serve`; two predictions of a model may be there at once, and ten seconds old."""
    folder = tmp_path_factory.mktemp("clients")
    shutil.copytree(ROOT / "models", folder / "models")
    field = folder / "models" / "field" / "1"
    field.mkdir(parents=True)
    strongest(field / "field.onnx")
    (field / "labels.txt").write_text("\n".join(LABELS))
    (field / "model.yaml").write_text(OPTIONS)
    command = (sys.executable, "-m", "app.cli", "serve")
    settings = {"DEFAULT_MODEL": "shapes", "QUEUE_LIMIT": "2", "INFERENCE_TIMEOUT_S": "20"}
    served = Server(folder, folder / "models", ROOT, *command, READY="all", **settings)
    try:
        served.wait_until_ready(180)
        yield served
    finally:
        served.end()


@pytest.fixture(scope="session")
def scene() -> Path:
    """Return a sample of the demo model."""
    return ROOT / "models" / "shapes" / "1" / "samples" / "scene-500.png"


@pytest.fixture(scope="session")
def golden() -> Any:
    """Return what the demo model says of it."""
    path = ROOT / "models" / "shapes" / "1" / "golden" / "scene-500.json"
    return json.loads(path.read_text())
