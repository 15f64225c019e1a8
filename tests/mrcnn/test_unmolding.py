"""Detections back into the photo's pixels, and the instances that come of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mrcnn.instances import Instances
from mrcnn.unmolding import unmold_boxes, unmold_detections

WHOLE = {"molded_shape": (128, 128, 3), "window": (32, 0, 96, 128), "photo_shape": (50, 100, 3)}


def detection(y1: float, x1: float, y2: float, x2: float, class_id: int = 1, score: float = 0.9):
    """One row, from pixels of the molded picture (y2 and x2 exclusive)."""
    box = (np.array([y1, x1, y2, x2]) - [0, 0, 1, 1]) / 127
    return [*box, class_id, score]


def unmold(*rows, **frames) -> Instances:
    detections = np.array(rows, np.float32)
    masks = np.arange(len(rows), dtype=np.float32)[:, None, None] * np.ones((28, 28), np.float32)
    probabilities = np.arange(len(rows), dtype=np.float32)[:, None] * np.ones(3, np.float32)
    return unmold_detections(detections, masks, probabilities, **{**WHOLE, **frames})


def test_box_over_the_window_covers_the_photo():
    instances = unmold(detection(32, 0, 96, 128))
    assert instances.image_size == (50, 100)
    assert instances.boxes_yxyx.tolist() == [[0, 0, 50, 100]]
    assert instances.boxes_yxyx.dtype == np.int32


def test_first_class_zero_ends_the_list():
    rows = [detection(40, 10, 60, 30), [0] * 6, detection(40, 10, 60, 30)]
    assert len(unmold(*rows)) == 1


def test_detections_without_padding_are_all_kept():
    assert len(unmold(*[detection(40, 10, 60, 30)] * 3)) == 3


def test_nothing_found_gives_empty_instances():
    instances = unmold([0] * 6)
    assert len(instances) == 0
    assert instances.boxes_yxyx.shape == (0, 4)
    assert instances.masks.shape == (0, 28, 28)


def test_box_without_area_takes_its_mask_and_score_with_it():
    flat = [0.501, 0.1, 0.488, 0.3, 2, 0.8]  # rounds to the same row twice
    instances = unmold(detection(40, 10, 60, 30, 1, 0.9), flat, detection(50, 20, 80, 90, 3, 0.75))
    assert instances.class_ids.tolist() == [1, 3]
    assert instances.scores.tolist() == [np.float32(0.9), np.float32(0.75)]
    assert instances.masks[:, 0, 0].tolist() == [0, 2]
    assert instances.probabilities[:, 0].tolist() == [0, 2]


def test_box_beyond_the_window_is_cut_at_the_photo():
    boxes, kept = unmold_boxes(np.array([[0, 0, 1, 1]], np.float32), **WHOLE)
    assert boxes.tolist() == [[0, 0, 50, 100]]
    assert kept.all()


def test_window_one_pixel_high_does_not_divide_by_zero():
    frames = {"window": (63, 0, 64, 128), "photo_shape": (2, 5000, 3)}
    instances = unmold(detection(63, 0, 64, 64), **frames)
    assert instances.boxes_yxyx.tolist() == [[0, 0, 1, 2481]]


def test_instances_above_a_score_keep_their_order():
    instances = unmold(
        detection(40, 10, 60, 30, 1, 0.9),
        detection(40, 10, 60, 30, 2, 0.8),
        detection(40, 10, 60, 30, 3, 0.5),
    )
    assert instances.above(0.75).class_ids.tolist() == [1, 2]
    assert instances[1:].class_ids.tolist() == [2, 3]
    assert instances[[2, 0]].class_ids.tolist() == [3, 1]
    assert instances[[2, 0]].probabilities[:, 0].tolist() == [2, 0]


def test_instances_of_unequal_lengths_are_refused():
    with pytest.raises(ValueError, match="do not belong together"):
        Instances((5, 5), np.zeros((2, 4)), np.zeros(2), np.zeros(1), np.zeros((2, 28, 28)))
    two = np.zeros((2, 4)), np.zeros(2), np.zeros(2), np.zeros((2, 28, 28))
    with pytest.raises(ValueError, match=r"probabilities must be \[2, classes\], not \[1, 3\]"):
        Instances((5, 5), *two, np.zeros((1, 3)))


def test_instances_may_do_without_probabilities():
    two = np.zeros((2, 4)), np.zeros(2), np.zeros(2), np.zeros((2, 28, 28))
    assert Instances((5, 5), *two)[:1].probabilities.shape == (1, 0)


@pytest.mark.goldens
def test_golden_detections_give_the_original_pixel_boxes(goldens: Path):
    for path in sorted(goldens.glob("*.npz")):
        golden = np.load(path)
        instances = unmold_detections(
            golden["detections"],
            golden["detection_masks"],
            molded_shape=golden["molded_shape"][-3:],
            window=golden["window"],
            photo_shape=golden["final_masks_shape"],
        )
        assert np.array_equal(instances.boxes_yxyx, golden["final_rois"]), path.name
        assert np.array_equal(instances.class_ids, golden["final_class_ids"]), path.name
        assert np.array_equal(instances.scores, golden["final_scores"]), path.name
