"""One real server for all that ask one here."""

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
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the model repository: the demo models, and `field`, which tells pixels apart."""
    models = tmp_path_factory.mktemp("clients") / "models"
    shutil.copytree(ROOT / "models", models)
    field = models / "field" / "1"
    field.mkdir(parents=True)
    strongest(field / "field.onnx")
    (field / "labels.txt").write_text("\n".join(LABELS))
    (field / "model.yaml").write_text(OPTIONS)
    return models


@pytest.fixture(scope="session")
def server(served: Path) -> Iterator[Server]:
    """Run `slipway serve`: of each model two predictions may be there at once, for 20 s."""
    command = (sys.executable, "-m", "app.cli", "serve")
    settings = {"DEFAULT_MODEL": "shapes", "QUEUE_LIMIT": "2", "INFERENCE_TIMEOUT_S": "20"}
    settings["PREDICTIONS"] = "open"
    server = Server(served.parent, served, ROOT, *command, READY="all", **settings)
    try:
        server.wait_until_ready(180)
        yield server
    finally:
        server.end()


@pytest.fixture(scope="session")
def scene() -> Path:
    """Return a sample of the demo model."""
    return ROOT / "models" / "shapes" / "1" / "samples" / "scene-500.png"


@pytest.fixture(scope="session")
def golden() -> Any:
    """Return what the demo model says of it."""
    path = ROOT / "models" / "shapes" / "1" / "golden" / "scene-500.json"
    return json.loads(path.read_text())
