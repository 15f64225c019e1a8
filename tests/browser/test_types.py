"""The types of the page's scripts, as TypeScript's compiler reads them from code and comments."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from app.application import create_app
from app.serving.client import InferenceClient
from app.settings import Settings
from tests.browser.types.declarations import declarations
from tests.parts import command

pytestmark = pytest.mark.browser

TYPES = Path(__file__).with_name("types")
COMPILER = TYPES / "node_modules" / ".bin" / "tsc"
HOW = "npm ci --prefix tests/browser/types brings it"


@pytest.fixture(scope="module")
def scripts(root: Path) -> Path:
    return root / "app" / "api" / "static"


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    """Return the schemas of the contract."""
    app = create_app(Settings.from_environment({}), cast(InferenceClient, object()))
    return app.test_client().get("/openapi.json").json["components"]["schemas"]


@pytest.fixture
def complaints(root: Path, tmp_path: Path) -> Callable[..., str]:
    """Return a function that has the compiler read scripts, and returns what it finds."""
    node = command("node", "the compiler runs on Node.js")
    compiler = command(str(COMPILER), HOW)

    def complaints(scripts: Path, schemas: dict[str, Any]) -> str:
        templates = root / "app" / "api" / "templates"
        markup = "".join(
            (templates / name).read_text() for name in ("page.html", "predictions.html")
        )
        (tmp_path / "declared.d.ts").write_text(declarations(schemas, markup))
        project = tmp_path / "tsconfig.json"
        include = ["declared.d.ts", f"{scripts}/**/*.js"]
        project.write_text(
            json.dumps({"extends": str(TYPES / "tsconfig.json"), "include": include})
        )
        outcome = subprocess.run(
            [node, compiler, "--project", project, "--pretty", "false"],
            cwd=scripts,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert outcome.returncode == 0 or "error TS" in outcome.stdout, outcome
        return outcome.stdout

    return complaints


def test_the_scripts_hold_to_their_types_and_to_the_contract(
    complaints: Callable[..., str], scripts: Path, schemas: dict[str, Any]
):
    found = complaints(scripts, schemas)
    assert found == "", f"\n{found}"


@pytest.mark.parametrize(
    ("name", "good", "bad", "complaint"),
    [
        pytest.param("page.js", 'element("curl")', 'element("curls")', '"curls"', id="id"),
        pytest.param("strip.js", "photo.isOver", "photo.isDone", "'isDone'", id="property"),
        pytest.param(
            "facts.js", "timing_ms: timing }", "timing_s: timing }", "'timing_s'", id="answer"
        ),
        pytest.param("pictures.js", "if (!selected) return;", "", "null", id="null"),
        pytest.param(
            "pictures.js", 'listen("select"', 'listen("selected"', '"selected"', id="news"
        ),
        pytest.param(
            "instances.js", "plural(instances.length,", "plural(instances,", "number", id="argument"
        ),
        pytest.param("photos.js", "/** @param {unknown} error */", "", "'any'", id="untyped"),
        pytest.param("shell.js", ".replaceAll(", ".replaceEach(", "'replaceEach'", id="library"),
    ],
)
def test_a_slip_in_a_script_is_found(
    complaints: Callable[..., str],
    scripts: Path,
    schemas: dict[str, Any],
    tmp_path: Path,
    name: str,
    good: str,
    bad: str,
    complaint: str,
):
    copy = tmp_path / "static"
    shutil.copytree(scripts, copy)
    text = (copy / name).read_text()
    assert good in text
    (copy / name).write_text(text.replace(good, bad))
    found = complaints(copy, schemas)
    assert f"static/{name}(" in found or f"\n{name}(" in f"\n{found}"
    assert complaint in found


def test_scripts_that_lag_behind_the_contract_are_found(
    complaints: Callable[..., str], scripts: Path, schemas: dict[str, Any]
):
    score = {"properties": {"certainty": {"type": "number"}}}
    found = complaints(scripts, schemas | {"Instance": schemas["Instance"] | score})
    assert "Property 'score' does not exist" in found
