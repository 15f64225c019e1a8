"""`slipway rollout` hands on to the function's own program, word for word."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli import main
from app.cli import rollout as command


def _ran(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: text for name, text in os.environ.items() if name != "KUBECONFIG"}
    return subprocess.run(
        [sys.executable, "-m", "app.cli", "rollout", *words],
        env=clean | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_is_the_other_programs():
    ran = _ran("--help")
    assert ran.returncode == 0
    assert ran.stdout.startswith("usage: rollout ")


def test_options_and_the_exit_status_are_handed_on():
    ran = _ran("apply", "build-1", "--force", "--dry-run", PROJECT="my-project", ZONE="Mars")
    assert ran.returncode == 2
    assert ran.stderr == "rollout: ZONE='Mars': must be a zone or region, as " + (
        "europe-west1-b or europe-west1\n"
    )


def test_where_there_is_no_checkout_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(command, "_FOLDER", tmp_path)
    assert main(["rollout", "status"]) == 1
    assert "needs the checkout" in capsys.readouterr().err
