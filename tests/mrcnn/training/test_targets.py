"""Which anchors and regions a step learns from. Worked by hand on a few boxes."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mrcnn.boxes import apply_deltas
from mrcnn.config import Config
from mrcnn.training.targets import anchor_targets, region_targets

ANCHORS = np.array(
    [
        [0, 0, 10, 10],  # the first object itself
        [0, 0, 10, 12],  # overlaps it by 10/12
        [0, 0, 10, 18],  # by 10/18: neither
        [40, 40, 60, 60],  # best for the second object, though it overlaps it by a quarter only
        [80, 80, 90, 90],  # nothing there
    ],
    np.float32,
)
BOXES = np.array([[0, 0, 10, 10], [40, 40, 50, 50], [0, 0, 0, 0]], np.float32)
CLASS_IDS = np.array([2, 1, 0], np.int32)


def config(**values: object) -> Config:
    return Config.with_values({"NUM_CLASSES": 3, **values})


def test_anchors_that_fit_are_objects_and_far_ones_background() -> None:
    match, _ = anchor_targets(tf.constant(ANCHORS), CLASS_IDS, tf.constant(BOXES), config())
    assert match.numpy().tolist() == [1, 1, 0, 1, -1]


def test_anchor_deltas_lead_to_the_object() -> None:
    settings = config()
    _, deltas = anchor_targets(tf.constant(ANCHORS), CLASS_IDS, tf.constant(BOXES), settings)
    moved = apply_deltas(tf.constant(ANCHORS), deltas * settings.RPN_BBOX_STD_DEV).numpy()
    np.testing.assert_allclose(moved[[0, 1, 3]], BOXES[[0, 0, 1]], atol=1e-4)


def test_at_most_half_of_the_sampled_anchors_are_objects() -> None:
    anchors = np.repeat(ANCHORS[[0, 4]], 50, axis=0)
    settings = config(RPN_TRAIN_ANCHORS_PER_IMAGE=20)
    match, _ = anchor_targets(tf.constant(anchors), CLASS_IDS, tf.constant(BOXES), settings)
    assert (match.numpy() == 1).sum() == 10
    assert (match.numpy() == -1).sum() == 10


def test_a_picture_without_objects_gives_background_only() -> None:
    nothing = np.zeros(3, np.int32)
    match, deltas = anchor_targets(tf.constant(ANCHORS), nothing, tf.constant(BOXES), config())
    assert match.numpy().tolist() == [-1] * 5
    assert np.isfinite(deltas.numpy()).all()


@pytest.fixture
def scene() -> tuple[np.ndarray, np.ndarray]:
    """Two objects on 100 x 100 pixels: normalized boxes and masks; the third is padding."""
    masks = np.zeros((3, 100, 100), np.uint8)
    masks[0, 10:30, 10:30] = 1
    masks[1, 50:90, 50:70] = 1  # the left half of its box
    boxes = np.array([[10, 10, 29, 29], [50, 50, 89, 89], [0, 0, 0, 0]], np.float32) / 99
    return boxes, masks


def test_regions_with_an_object_come_first_and_get_its_class_box_and_mask(
    scene: tuple[np.ndarray, np.ndarray],
) -> None:
    boxes, masks = scene
    proposals = np.array([[0.9, 0.0, 0.95, 0.1], boxes[1], [0, 0, 0, 0]], np.float32)
    settings = config(TRAIN_ROIS_PER_IMAGE=6)
    found = region_targets(tf.constant(proposals), CLASS_IDS, tf.constant(boxes), masks, settings)
    assert found.class_ids.numpy().tolist() == [1, 0, 0, 0, 0, 0]
    np.testing.assert_allclose(found.regions[0], boxes[1])
    np.testing.assert_allclose(found.deltas[0], 0, atol=1e-5)
    mask = found.masks[0].numpy()
    assert set(np.unique(mask)) == {0.0, 1.0}
    assert mask[:, :13].all()
    assert not mask[:, 15:].any()


def test_two_background_regions_are_drawn_for_each_object_region(
    scene: tuple[np.ndarray, np.ndarray],
) -> None:
    boxes, masks = scene
    background = [[0.9, x, 0.95, x + 0.04] for x in np.linspace(0, 0.9, 40)]
    proposals = np.array([boxes[0]] * 10 + background, np.float32)
    settings = config(TRAIN_ROIS_PER_IMAGE=9, ROI_POSITIVE_RATIO=0.34)
    found = region_targets(tf.constant(proposals), CLASS_IDS, tf.constant(boxes), masks, settings)
    assert (found.class_ids.numpy() > 0).tolist() == [True] * 3 + [False] * 6
    assert (found.regions.numpy().any(axis=1)).sum() == 8  # 3 / .34 is 8 whole regions


def test_a_picture_without_objects_trains_on_no_region(
    scene: tuple[np.ndarray, np.ndarray],
) -> None:
    boxes, masks = scene
    found = region_targets(
        tf.constant(boxes), np.zeros(3, np.int32), tf.constant(boxes), masks, config()
    )
    assert not found.class_ids.numpy().any()
    assert np.isfinite(found.deltas.numpy()).all()
