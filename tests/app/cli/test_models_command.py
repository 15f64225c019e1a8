"""`slipway models`: what can be known of a repository without loading it, and whether it serves."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.cli.conftest import Run
from tests.app.serving.model_folder import Models


def test_models_lists_what_is_there_and_what_is_wrong_with_it(run: Run, models: Models):
    models.write("broken.h5", "nothing")
    models.write("harbour/2/notes.txt", "nothing")
    status, out, _ = run("models")
    assert status == 0
    heads, broken, harbour, street = out.splitlines()[:4]
    assert heads.split() == ["model", "version", "kind", "backbone", "classes", "size", "file"]
    assert street.split()[:4] == ["*", "street", "1", "thresholding"]
    assert broken.split()[:3] == ["broken", "1", "-"]
    assert harbour.split()[:2] == ["harbour", "2"]
    assert "broken version 1 cannot be served: broken.h5 holds no threshold" in out
    assert "harbour version 2 cannot be served: harbour/2/ holds no model file" in out


@pytest.mark.parametrize("folder", ["nowhere", "."], ids=["absent", "empty"])
def test_a_repository_without_models_is_one_line(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
):
    monkeypatch.setenv("MODEL_REPOSITORY", str(tmp_path / folder))
    status, _, err = run("models")
    assert status == 1
    assert err.startswith("slipway: MODEL_REPOSITORY=")
    assert len(err.splitlines()) == 1


def test_models_tells_the_backbone_of_a_weight_file(
    run: Run, weight_file: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MODEL_REPOSITORY", str(weight_file.parent))
    weight_file.with_name("narrow.labels.txt").write_text("one\ntwo\n")
    status, out, _ = run("models")
    assert status == 1
    assert "narrow version 1 cannot be served: 2 labels for 10 classes" in out
    weight_file.with_name("narrow.labels.txt").unlink()
    status, out, _ = run("models")
    assert status == 0
    assert out.splitlines()[1].split()[:6] == [
        "*",
        "narrow",
        "1",
        "mask_rcnn",
        "resnet26_narrow",
        "10",
    ]
