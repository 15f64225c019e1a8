"""What needs TensorFlow, where it is not installed: told in one line, and the rest goes on."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
import yaml

from tests.app.cli.conftest import Run
from tests.app.kinds.xgboost_booster.boosters import trained, write

REMEDY = (
    "needs TensorFlow, which is not installed: ./setup.sh installs it, "
    "docker build --build-arg TENSORFLOW=yes makes an image with it"
)


@pytest.fixture(autouse=True)
def without_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Python find no TensorFlow and no Keras."""
    for name in ("tensorflow", "keras"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.fixture
def repository(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the models that ship, in a folder that may be changed."""
    folder = tmp_path / "models"
    shutil.copytree(root / "models", folder)
    monkeypatch.setenv("MODEL_REPOSITORY", str(folder))
    return folder


@pytest.mark.slow
def test_a_model_that_needs_tensorflow_says_how_to_have_it_and_the_others_are_served(
    run: Run, repository: Path
):
    for wish in ("program: tensorflow", "allow_partial: true"):
        name = wish.partition(":")[0]
        shutil.copytree(repository / "shapes", repository / name)
        options = yaml.safe_load((repository / name / "1" / "model.yaml").read_text())
        text = yaml.safe_dump({**options, **yaml.safe_load(wish)})
        (repository / name / "1" / "model.yaml").write_text(text)
    write(repository / "trees" / "1", trained())
    before = write(repository / "prepared" / "1", trained()) / "transform"
    before.mkdir()
    shutil.copy(repository / "iris" / "1" / "saved_model.pb", before)
    status, out, _ = run("check")
    assert status == 1
    ready = {line.split()[0] for line in out.splitlines() if " ready " in line}
    assert ready == {"shapes", "trees"}
    for name, what in (
        ("fashion", "fashion.keras"),
        ("iris", "saved_model.pb"),
        ("prepared", "transform/saved_model.pb"),
        ("program", "program: tensorflow"),
        ("allow_partial", "allow_partial: true"),
    ):
        assert f"\n{name} version 1: {what} {REMEDY}\n" in out
    assert "5 of 7 versions cannot be served: " in out.splitlines()[-1]


@pytest.mark.usefixtures("repository")
def test_commands_that_need_tensorflow_say_how_to_have_it(run: Run, root: Path, tmp_path: Path):
    written = tmp_path / "written"
    words = ("export", "shapes", "--to", "saved_model", "--out", written)
    reason = f"slipway: shapes version 1: writing a SavedModel {REMEDY}\n"
    assert run(*words) == (1, "", reason)
    assert not written.exists()
    told = run("inspect", root / "models" / "iris" / "1")
    assert told == (1, "", f"slipway: saved_model.pb {REMEDY}\n")
    assert run("inspect", root / "models" / "fashion" / "1" / "fashion.keras")[0] == 0
