"""A real server is sent all kinds of requests that its contract describes, and that it forbids.

schemathesis makes them from `/openapi.json`: the examples, each limit and just beyond it, and what
it thinks up, the same in every run; and checks that what comes back is in the contract.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.api.contract.operations import OPERATIONS
from app.api.dialects import of_path
from app.api.negotiation import media_types
from app.kinds.mask_rcnn.face import INSTANCES
from app.records.outbox import Outbox
from app.records.settings import RecordSettings
from tests.app.api.contract import contract
from tests.app.api.server import Server
from tests.app.records.made import row
from tests.app.serving.model_folder import Models

pytestmark = pytest.mark.server

#: The shapes of other protocols are defined elsewhere, and held by tests of their own.
OTHERS = ("--exclude-path-regex", "^/v[12]")
#: That of the examples.
PREDICTION_ID = "01JD6Z8M1T7C4N9E5H3YVQ0KSB"
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


@pytest.fixture
def server(tmp_path: Path, root: Path) -> Iterator[Server]:
    """Return a server with a model, a sample and a prediction."""
    models = Models(tmp_path / "models")
    models.add("street/1/street.h5")
    sample = models.write("street/1/samples/crossing.png", b"")
    Image.fromarray(np.zeros((60, 80, 3), np.uint8)).save(sample)
    records = Outbox(tmp_path / "predictions.sqlite", RecordSettings())
    assert records.commit([row(prediction_id=PREDICTION_ID, input_shape="480x640x3")], 5)
    records.close()
    server = Server(tmp_path, models.folder, root, PREDICTIONS="open")
    server.wait_until_ready()
    yield server
    server.end()


def test_a_real_server_keeps_its_contract_whatever_it_is_sent(
    server: Server, root: Path, tmp_path: Path
):
    seen = tmp_path / "seen.jsonl"
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION)]
    ran = subprocess.run(
        [*command, "run", f"{server.url}/openapi.json", *OTHERS, "--checks", "all", "--no-color"],
        env=os.environ | {"PYTHONPATH": str(root), "CONTRACT_SEEN": str(seen)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    check_reach([json.loads(line) for line in seen.read_text().splitlines()])


def check_reach(seen: list[dict[str, str]]) -> None:
    """Fail where what came back was not of every kind: a check of refusals alone proves little."""
    answered = Counter((one["operation"], one["status"]) for one in seen)
    for path, methods in contract()["paths"].items():
        for method, operation in methods.items():
            # schemathesis itself has read the document.
            if operation["operationId"] != "openapi" and not of_path(path):
                named = f"{method.upper()} {path}"
                assert any(answered[named, status] for status in (200, 201)), named
    assert len(OPERATIONS) == sum(len(methods) for methods in contract()["paths"].values())
    for status in (200, 400, 404, 415):
        assert answered["POST /predict", status] >= 5, (status, answered)
    predictions = [one for one in seen if one["operation"] == "POST /predict"]
    types = {one["type"] for one in predictions if one["status"] == 200}
    assert types == set(media_types(INSTANCES).values())
