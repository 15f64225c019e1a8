"""The house rules that a machine can hold: rooms, their READMEs, their size, their imports."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CODE = ("app", "bench", "clients", "cloud_function", "mrcnn", "tests")
DRAWERS = {"utils", "helpers", "common", "misc", "core", "manager"}
# Matterport's public module of that name: scripts written for the original import it.
ALLOWED_DRAWERS = {"mrcnn/utils.py"}


def _sources() -> list[Path]:
    return sorted(path for room in CODE for path in (ROOT / room).rglob("*.py"))


def _rooms() -> list[str]:
    packages = {path.parent for path in _sources() if path.parts[len(ROOT.parts)] != "tests"}
    others = {ROOT / name for name in ("docs", "kubernetes", "models", "terraform", "tests")}
    infrastructure = {path.parent for path in (ROOT / "terraform").glob("*/*/main.tf")}
    return sorted(str(room.relative_to(ROOT)) for room in packages | others | infrastructure)


def _functions(source: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_the_server_knows_no_kind_of_model_by_its_name():
    own = ROOT / "app" / "kinds" / "mask_rcnn"
    listed = {ROOT / "app" / "kinds" / "registry.py"}
    name = re.compile(r"mask.?r.?cnn|matterport", re.IGNORECASE)
    sources = [
        path for kind in ("py", "js", "html", "css") for path in (ROOT / "app").rglob(f"*.{kind}")
    ]
    others = [path for path in sources if own not in path.parents and path not in listed]
    assert len(others) > 100
    assert [path for path in others if name.search(path.read_text())] == []


@pytest.mark.parametrize("room", _rooms())
def test_every_room_says_what_it_is_in_at_most_30_lines(room: str):
    readme = ROOT / room / "README.md"
    assert readme.is_file(), f"{room} has no README.md"
    assert len(readme.read_text().splitlines()) <= 30


def test_no_drawer_collects_what_has_no_name():
    named = {
        str(path.relative_to(ROOT))
        for source in _sources()
        for path in (source, source.parent)
        if path.stem in DRAWERS
    }
    assert named <= ALLOWED_DRAWERS


def test_no_file_is_longer_than_400_lines():
    lengths = {str(path): len(path.read_text().splitlines()) for path in _sources()}
    assert {path: lines for path, lines in lengths.items() if lines > 400} == {}


def test_no_function_is_longer_than_50_lines():
    too_long = [
        f"{source.relative_to(ROOT)}:{node.lineno} {node.name}"
        for source in _sources()
        for node in _functions(source)
        if node.end_lineno and node.end_lineno - node.lineno >= 50
    ]
    assert too_long == []


def test_every_module_opens_with_why_it_exists():
    silent = [
        str(source.relative_to(ROOT))
        for source in _sources()
        if source.read_text().strip() and not ast.get_docstring(ast.parse(source.read_text()))
    ]
    assert silent == []


@pytest.mark.parametrize(
    "configuration",
    [
        pytest.param("pyproject.toml", id="server"),
        pytest.param("cloud_function/.importlinter", id="function"),
    ],
)
def test_imports_point_downhill(configuration: str):
    lint_imports = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    assert lint_imports, "the development set is not installed: ./setup.sh dev"
    outcome = subprocess.run(
        [lint_imports, "--no-cache", "--config", configuration],
        cwd=ROOT,
        # The function's package lies beside its main.py, as on Cloud Functions.
        env=os.environ | {"PYTHONPATH": "cloud_function"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout
