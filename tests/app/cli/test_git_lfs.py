"""Models in Git LFS: what it left as pointers `slipway fetch` has it bring, or tells."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import parts
from tests.app.cli.conftest import Run
from tests.app.serving.model_folder import POINTER, Models

MODEL = json.dumps({"threshold": 128}).encode()


def test_a_pointer_of_git_lfs_is_told_with_its_cure(
    run: Run, models: Models, monkeypatch: pytest.MonkeyPatch
):
    models.write("kite/1/kite.h5", POINTER)
    monkeypatch.setenv("PATH", "/nowhere")
    told = "kite.h5 is a Git LFS pointer, not the file itself; git lfs pull brings it"
    assert run("fetch") == (1, "", f"slipway: {told}\n")


@pytest.mark.slow
def test_what_git_lfs_left_as_a_pointer_is_brought_by_it_and_told_where_it_cannot_be(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    parts.command("git-lfs", "apt-get install git-lfs")
    remote, here, there = (tmp_path / name for name in ("remote.git", "here", "there"))

    def git(folder: Path, *words: str) -> None:
        who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.com")
        command = ["git", "-C", str(folder), *who, *words]
        subprocess.run(command, check=True, capture_output=True, timeout=60)

    for folder in (remote, here):
        folder.mkdir()
    git(remote, "init", "--bare", "--initial-branch=main")
    git(here, "init", "--initial-branch=main")
    git(here, "lfs", "install", "--local")
    git(here, "lfs", "track", "*.h5")
    (here / "models").mkdir()
    (here / "models" / "kite.h5").write_bytes(MODEL)
    git(here, "add", ".")
    git(here, "commit", "--message=a model")
    git(here, "push", remote.as_uri(), "main")
    monkeypatch.setenv("GIT_LFS_SKIP_SMUDGE", "1")
    git(tmp_path, "clone", remote.as_uri(), "there")
    kite = there / "models" / "kite.h5"
    pointer = kite.read_bytes()
    assert pointer.startswith(b"version https://git-lfs.github.com/spec/v1")

    assert run("fetch", "--models", there / "models")[0] == 0
    assert kite.read_bytes() == MODEL

    kite.write_bytes(pointer)
    for objects in (remote / "lfs", there / ".git" / "lfs"):
        shutil.rmtree(objects)
    status, _, err = run("fetch", "--models", there / "models")
    assert status == 1
    assert err.splitlines()[-1].startswith("slipway: kite.h5 is a Git LFS pointer")
