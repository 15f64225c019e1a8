"""Locust, a load tool that was not written here, finds all of the server's doors open."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from bench.environment import environment, prepare
from bench.server import running_server
from bench.serving import repository
from tests.parts import absent


@pytest.mark.server
def test_locust_gets_an_answer_to_every_request(tmp_path: Path):
    reason = prepare("Locust", ["locust==2.*", "pillow==13.*"])
    if reason:
        absent(f"Locust cannot be installed: {reason}")
    options = ["--headless", "--users", "8", "--spawn-rate", "8", "--run-time", "90s"]
    files = ["--locustfile", str(Path(__file__).with_name("locustfile.py")), "--json"]
    with repository() as models, running_server(models, READY="all") as port:
        ran = subprocess.run(
            [
                str(environment("Locust") / "bin" / "locust"),
                *options,
                *files,
                *("--host", f"http://127.0.0.1:{port}"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert ran.returncode == 0, ran.stderr
    rows = {row["name"]: row for row in json.loads(ran.stdout)}
    assert set(rows) == {
        "/v1/models/iris:predict",
        "/v2/models/iris/infer",
        "/predict?model=fashion",
    }
    for row in rows.values():
        assert row["num_failures"] == 0, ran.stderr
        assert row["num_requests"] > 20
