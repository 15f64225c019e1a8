"""The demo classifier that ships, and what makes it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from app.kinds.image_classifier import ImageClassifier
from app.kinds.image_classifier.train_fashion import LABELS, LEAST_ACCURACY, read_idx
from app.kinds.options import problem_of
from tests.app.kinds.image_classifier.written import source
from tests.parts import absent

FOLDER = Path("models/fashion/1")
# Of 2,000 pictures the share that is right may be this far from that of all.
_CHANCE = 0.02


@pytest.fixture(scope="module")
def clothes(data: Path) -> Path:
    """Return the folder of the data set."""
    folder = data / "fashion-mnist"
    if not folder.is_dir():
        absent("Fashion-MNIST is not here; SLIPWAY_DATA has it as fashion-mnist/")
    return folder


def test_the_demo_is_small_and_says_how_good_it_is(root: Path):
    folder = root / FOLDER
    told = json.loads((folder / "evaluation.json").read_text())
    assert told["accuracy"] >= LEAST_ACCURACY
    assert told["pictures"] == 10_000
    assert f"{told['accuracy']:.2%}" in (folder / "README.md").read_text()
    assert tuple((folder / "labels.txt").read_text().splitlines()) == LABELS
    assert (folder / "fashion.keras").stat().st_size < 700_000
    options = yaml.safe_load((folder / "model.yaml").read_text())
    assert problem_of(options, ImageClassifier.options) is None
    assert options["default"] is False


def test_the_demo_scales_pixels_itself(root: Path):
    told = ImageClassifier().examine(source(root / FOLDER / "fashion.keras", LABELS))
    assert (told["preprocessing"], told["warnings"]) == ("none", [])
    assert told["input"] == {"height": 28, "width": 28, "channels": 1, "resize": "stretch"}


@pytest.mark.slow
def test_the_demo_tells_clothes_apart_as_it_says(root: Path, clothes: Path):
    pictures, classes = read_idx(clothes, "t10k")
    model = ImageClassifier().load(source(root / FOLDER / "fashion.keras", LABELS))
    found = model.predict([{"image": one} for one in pictures[:2000]], [{}] * 2000)
    right = np.mean([one["outputs"].argmax() for one in found] == classes[:2000])
    said = json.loads((root / FOLDER / "evaluation.json").read_text())["accuracy"]
    assert right == pytest.approx(said, abs=_CHANCE)


def test_a_file_that_is_not_the_data_sets_is_refused(tmp_path: Path):
    for name in ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"):
        (tmp_path / name).write_bytes(gzip.compress(bytes(64)))
    with pytest.raises(ValueError, match=r"t10k-images-idx3-ubyte\.gz is no file of the data set"):
        read_idx(tmp_path, "t10k")
