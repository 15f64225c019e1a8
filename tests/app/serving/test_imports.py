"""The HTTP side imports no framework, and the supervisor nothing beyond the standard library."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FRAMEWORKS = ("tensorflow", "keras", "h5py", "flask")


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        pytest.param("import app.serving.socket_client", FRAMEWORKS, id="client"),
        pytest.param(
            "from app.settings import Settings; from app.serving.connect import connect; "
            "connect(Settings.from_environment({}).serving)",
            FRAMEWORKS,
            id="connect",
        ),
        pytest.param("import app.serving.host", ("tensorflow", "keras", "flask"), id="host"),
        pytest.param("import app.kinds.registry", FRAMEWORKS, id="kinds"),
        pytest.param("import app.serving.supervisor", (*FRAMEWORKS, "numpy"), id="supervisor"),
    ],
)
def test_only_what_runs_a_network_imports_a_framework(
    root: Path, statement: str, unwanted: tuple[str, ...]
):
    check = f"import sys; {statement}; print(*sorted(set({unwanted!r}) & set(sys.modules)))"
    outcome = subprocess.run(
        [sys.executable, "-c", check], cwd=root, capture_output=True, text=True, check=True
    )
    assert outcome.stdout.strip() == ""
