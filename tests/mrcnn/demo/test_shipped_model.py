"""The model that ships: what it promises in its folder, and that it finds shapes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from mrcnn.demo.evaluation import evaluate
from mrcnn.demo.recipe import ARCHITECTURE, SIDE, serving_settings
from mrcnn.demo.scenes import CLASS_NAMES, EVALUATION_SEEDS, SAMPLE_SEEDS, make_scene
from mrcnn.evaluation import Evaluation
from mrcnn.weights import WeightFile


@pytest.fixture(scope="module")
def folder(root: Path) -> Path:
    return root / "models" / "shapes" / "1"


def test_the_folder_is_under_ten_megabytes(folder: Path) -> None:
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert size < 10_000_000


def test_its_file_tells_which_network_it_is(folder: Path) -> None:
    assert WeightFile.open(folder / "shapes.h5").architecture == ARCHITECTURE


def test_its_settings_are_the_recipe_s(folder: Path) -> None:
    options = yaml.safe_load((folder / "model.yaml").read_text())
    assert options["config"] == serving_settings()
    assert (folder / "labels.txt").read_text().split() == list(CLASS_NAMES)


def test_its_samples_are_the_generator_s(folder: Path) -> None:
    for seed in SAMPLE_SEEDS:
        with Image.open(folder / "samples" / f"scene-{seed}.png") as picture:
            np.testing.assert_array_equal(np.asarray(picture), make_scene(seed, SIDE).image)


def test_it_finds_the_shapes_of_scenes_it_has_never_seen(folder: Path) -> None:
    from mrcnn.demo.evaluation import detect_scenes
    from mrcnn.detector import Detector

    detector = Detector.load(folder / "shapes.h5", serving_settings())
    result = evaluate(detect_scenes(detector, range(24), SIDE))
    assert result.mask["AP@[.5:.95]"] > 0.70  # on all 500 scenes: see the model's README
    assert result.mask["AP50"] > 0.85


def test_its_readme_has_the_figures_of_the_evaluation(folder: Path) -> None:
    result = Evaluation(**json.loads((folder / "evaluation.json").read_text()))
    assert result.pictures == len(EVALUATION_SEEDS)
    assert result.table() in (folder / "README.md").read_text()
