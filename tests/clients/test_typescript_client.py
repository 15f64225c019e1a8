"""The server's contract makes a client in another language: TypeScript's, compiled and run."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.app.api.server import Server
from tests.parts import command

pytestmark = pytest.mark.server

HERE = Path(__file__).with_name("typescript")
HOW = "npm ci --prefix tests/clients/typescript brings it"


def test_a_typescript_client_made_from_the_contract_compiles_and_finds_what_there_is(
    server: Server, scene: Path, golden: Any, tmp_path: Path
):
    node = command("node", "the client runs on Node.js")
    programs = HERE / "node_modules" / ".bin"
    generator, compiler = (
        command(str(programs / name), HOW) for name in ("openapi-typescript", "tsc")
    )
    for name in ("package.json", "predict.ts", "tsconfig.json"):
        shutil.copy(HERE / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(HERE / "node_modules")

    def run(*words: str | Path) -> str:
        ran = subprocess.run(
            words, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    contract = f"{server.url}/openapi.json"
    run(node, generator, contract, "--default-non-nullable=false", "-o", "contract.ts")
    run(node, compiler, "--project", "tsconfig.json", "--pretty", "false")
    *found, refusal = map(json.loads, run(node, "built/predict.js", server.url, scene).splitlines())
    wanted = [one for one in golden["instances"] if one["score"] >= 0.9]
    assert [one["label"] for one in found] == [one["label"] for one in wanted]
    assert {one["mask"] for one in found} == {"320 x 320"}
    assert refusal == {"status": 404, "allowed": ["fashion", "field", "iris", "shapes"]}
