"""`slipway quantize` by the pictures that a `model.yaml` names: what is of no use is told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from tests.app.cli.conftest import Run
from tests.app.serving.model_folder import POINTER


@pytest.fixture
def models(root: Path, tmp_path: Path) -> Path:
    """Return a repository with the demo model."""
    shutil.copytree(root / "models" / "shapes", tmp_path / "models" / "shapes")
    return tmp_path / "models"


@pytest.mark.parametrize(
    ("named", "words", "status", "reason"),
    [
        pytest.param(
            None,
            ["shapes"],
            2,
            "shapes version 1 names no pictures to make it from: --images FOLDER, or `quantize` in "
            "its model.yaml",
            id="nothing named",
        ),
        pytest.param(
            {"images": "gone"},
            [],
            1,
            "model.yaml: quantize: images {folder}/gone: there is no such folder",
            id="no folder",
        ),
        pytest.param(
            {"images": "pointers"},
            [],
            1,
            "images {folder}/pointers: 0.png is a Git LFS pointer, not the file itself; git lfs "
            "pull brings it",
            id="pointers",
        ),
        pytest.param(
            {"images": "samples", "labels": "gone.json"},
            [],
            1,
            "{folder}/gone.json: No such file or directory",
            id="no labels",
        ),
        pytest.param(
            {"labels": "a.json"},
            [],
            1,
            "model.yaml: quantize is {{'labels': 'a.json'}}; it must be {{images: FOLDER}}, or "
            "{{images: FOLDER, labels: COCO.json}}",
            id="no images",
        ),
        pytest.param(
            None,
            [],
            0,
            "no model that is served names pictures: `quantize` in its model.yaml does",
            id="nothing named by any",
        ),
        pytest.param(
            {"images": 3},
            ["shapes"],
            1,
            "model.yaml: quantize is {{'images': 3}}; it must be {{images: FOLDER}}, or "
            "{{images: FOLDER, labels: COCO.json}}",
            id="a number",
        ),
        pytest.param(
            {"images": "samples"}, ["--labels", "a.json"], 2, "--labels is said of one", id="all"
        ),
        pytest.param(
            {"images": "samples"},
            ["shapes", "--labels", "a.json"],
            2,
            "--labels are of the pictures in a folder: --images FOLDER",
            id="labels of which",
        ),
    ],
)
def test_pictures_that_are_named_and_of_no_use_are_told(
    models: Path, run: Run, named: object, words: list[str], status: int, reason: str
):
    folder = models / "shapes" / "1"
    (folder / "pointers").mkdir()
    for number in range(4):
        (folder / "pointers" / f"{number}.png").write_text(POINTER)
    said = yaml.safe_load((folder / "model.yaml").read_text())
    if named is not None:
        said["quantize"] = named
    (folder / "model.yaml").write_text(yaml.safe_dump(said))
    got, out, told = run("quantize", *words, "--models", models)
    assert got == status
    assert reason.format(folder=folder) in (out + told).splitlines()[-1]
    assert not list(folder.glob("*.openvino"))
