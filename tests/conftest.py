"""What every room's tests share: where things from outside of the repository are.

A test that needs one asks for its fixture. Where it is absent the test skips and says so; with
`CI=true` or `SLIPWAY_NO_SKIP=1` it fails instead, so that CI cannot quietly prove nothing.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests import chance
from tests.mrcnn.goldens.golden import network_of
from tests.mrcnn.tiny import tiny_network
from tests.parts import absent, told_by

ROOT = Path(__file__).resolve().parents[1]


def pytest_configure() -> None:
    chance.choose_seed()
    # What servers of tests keep is not for the folder of whoever runs them.
    state = tempfile.TemporaryDirectory(prefix="slipway-tests-")
    atexit.register(state.cleanup)
    os.environ["XDG_STATE_HOME"] = state.name


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep the tests of a file in one process, the goldens' by network, the clients' together."""
    from xdist.scheduler import LoadFileScheduling

    class Together(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            if nodeid.startswith("tests/clients/"):
                return "clients"  # one server for all of them
            return network_of(nodeid) if "/goldens/" in nodeid else super()._split_scope(nodeid)

    return Together(config, log)


def pytest_report_header() -> str:
    return f"chance: SLIPWAY_SEED={chance.seed()} repeats this run's"


def _folder(variable: str, what: str) -> Path:
    folder = Path(told_by(variable, what))
    if not folder.is_dir():
        absent(f"{what} is not here; {variable} says {folder}, which is no folder")
    return folder


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the repository's root."""
    return ROOT


@pytest.fixture(scope="session")
def goldens() -> Path:
    """Return the folder of the golden `*.npz`, their `photos/` and `weights.py`."""
    return _folder("SLIPWAY_GOLDENS", "the folder of golden files")


@pytest.fixture(scope="session")
def data() -> Path:
    """Return the folder of photographs with annotations (`coco-tiny/`)."""
    return _folder("SLIPWAY_DATA", "the folder of photographs")


@pytest.fixture(scope="session")
def drift_packages() -> Path:
    """Return a folder with what `requirements-drift.txt` says, installed once a lock."""
    lock = ROOT / "requirements-drift.txt"
    folder = ROOT / "build" / f"drift-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    folder.parent.mkdir(exist_ok=True)
    # Tests of two files may want it at once.
    with folder.with_suffix(".lock").open("w") as mark:
        fcntl.flock(mark, fcntl.LOCK_EX)
        if not folder.exists():
            part = folder.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            uv = Path(sys.executable).with_name("uv")
            options = ["--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
            command = [uv, "pip", "install", *options, "--target", part, "-r", lock]
            ran = subprocess.run(command, capture_output=True, text=True, check=False)
            if ran.returncode:
                absent(f"Evidently cannot be installed: {ran.stderr.strip()[-300:]}")
            part.replace(folder)
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of a Chromium that runs headless."""
    named = os.environ.get("CHROMIUM") or "chromium"
    found = shutil.which(named) or shutil.which("google-chrome")
    if found is None:
        absent("Chromium is not here; CHROMIUM says where")
    return found


@pytest.fixture(scope="session")
def tiny_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a weight file of `tests.mrcnn.tiny.ARCHITECTURE` in Matterport's layout."""
    from mrcnn.loading import save_weights

    path = tmp_path_factory.mktemp("weights") / "tiny.h5"
    save_weights(tiny_network(), path)
    return path
