"""The Python client as a package: what it needs, its version, its two forms."""

from __future__ import annotations

import inspect
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import slipway_client
from slipway_client import AsyncClient, Client

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "clients" / "python"

ALONE = """
import sys

class Missing:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in {"app", "mrcnn", "PIL", "rich", "flask", "pydantic"}:
            raise ImportError(name)

sys.meta_path.insert(0, Missing())
sys.path.insert(0, sys.argv[1])
import slipway_client

slipway_client.Client("http://localhost").close()
"""


def test_the_client_and_the_server_have_one_version():
    server = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert slipway_client.__version__ == server["version"]


def test_the_client_needs_neither_the_server_nor_what_draws():
    subprocess.run([sys.executable, "-c", ALONE, CLIENT], cwd=CLIENT, check=True, timeout=60)


def test_both_forms_have_the_same_calls():
    def calls(client: type) -> dict[str, list[inspect.Parameter]]:
        public = inspect.getmembers(client, inspect.isfunction)
        return {
            name.removeprefix("a") if name == "aclose" else name: [
                *inspect.signature(call).parameters.values()
            ]
            for name, call in public
            if not name.startswith("_") or name == "__init__"
        }

    assert calls(Client) == calls(AsyncClient)


@pytest.mark.slow
def test_the_wheel_has_the_version_the_types_and_what_it_needs(tmp_path: Path):
    words = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path]
    # A copy, for setuptools builds beside what it reads.
    copy = tmp_path / "python"
    shutil.copytree(CLIENT, copy)
    subprocess.run([sys.executable, "-m", "pip", *words, copy], check=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name == f"slipway_client-{slipway_client.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
        (about,) = (name for name in names if name.endswith("METADATA"))
        lines = packed.read(about).decode().splitlines()
    assert "slipway_client/py.typed" in names
    needed = [line.split()[1].partition(";")[0] for line in lines if line.startswith("Requires-D")]
    assert needed == ["httpx<1,>=0.28", "numpy<3,>=2.1", "pillow>=12.3", "rich>=14"]
