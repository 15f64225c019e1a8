"""The judge of the demo model: right answers score high, wrong ones nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mrcnn.demo.evaluation import evaluate, prediction_sheet
from mrcnn.demo.scenes import CLASS_NAMES, Scene, make_scene
from mrcnn.evaluation import STATISTICS
from mrcnn.instances import Instances
from mrcnn.molding import resize_bilinear
from mrcnn.training.examples import boxes_of

SIDE = 192


def perfect(scene: Scene) -> Instances:
    """The truth, as well as 28 x 28 masks can tell it."""
    masks = np.moveaxis(scene.masks, 2, 0)
    boxes = boxes_of(masks)
    small = [
        resize_bilinear(mask[y1:y2, x1:x2].astype(np.float64), (28, 28))
        for mask, (y1, x1, y2, x2) in zip(masks, boxes, strict=True)
    ]
    scores = np.full(len(boxes), 0.9, np.float32)
    return Instances((SIDE, SIDE), boxes, scene.class_ids, scores, np.float32(small))


@pytest.fixture(scope="module")
def pairs() -> list[tuple[Scene, Instances]]:
    scenes = [make_scene(seed, SIDE) for seed in range(12)]
    return [(scene, perfect(scene)) for scene in scenes]


def test_the_truth_scores_nearly_one(pairs: list[tuple[Scene, Instances]]) -> None:
    result = evaluate(pairs)
    assert result.pictures == 12
    assert result.box["AP@[.5:.95]"] == pytest.approx(1.0)
    assert result.mask["AP50"] == pytest.approx(1.0)
    assert set(result.mask_by_class) == set(CLASS_NAMES)
    assert list(result.mask) == list(STATISTICS[:-1])  # nothing is large on so small a picture
    assert all(name in result.table() for name in (*result.mask, *CLASS_NAMES))


def test_wrong_classes_score_nothing(pairs: list[tuple[Scene, Instances]]) -> None:
    wrong = [
        (scene, replace(found, class_ids=(found.class_ids % len(CLASS_NAMES) + 1).astype(np.int32)))
        for scene, found in pairs
    ]
    assert evaluate(wrong).mask["AP@[.5:.95]"] < 0.05


def test_missing_half_of_the_instances_costs_about_half(
    pairs: list[tuple[Scene, Instances]],
) -> None:
    half = [(scene, found[::2]) for scene, found in pairs]
    assert 0.3 < evaluate(half).box["AP@[.5:.95]"] < 0.7


def test_the_sheet_shows_every_scene(pairs: list[tuple[Scene, Instances]]) -> None:
    sheet = prediction_sheet(pairs[:4], columns=2)
    assert sheet.width > 2 * SIDE
    assert sheet.height > 2 * SIDE
