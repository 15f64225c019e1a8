"""Anchors: where they lie, in which order, and the frame that boxes are normalized to."""

from __future__ import annotations

import numpy as np
import pytest

from mrcnn.anchors import (
    denormalize_boxes,
    generate_anchors,
    normalize_boxes,
    pyramid_anchors,
    pyramid_shapes,
)


def test_anchors_run_over_y_then_x_then_ratio():
    boxes = generate_anchors(32, [0.5, 1, 2], (2, 3), 16)
    assert boxes.shape == (2 * 3 * 3, 4)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    assert centres[::3].tolist() == [[0, 0], [0, 16], [0, 32], [16, 0], [16, 16], [16, 32]]
    sides = boxes[:3, 2:] - boxes[:3, :2]
    assert np.allclose(sides[:, 1] / sides[:, 0], [0.5, 1, 2])
    assert np.allclose(sides.prod(axis=1), 32 * 32)


def test_anchor_stride_leaves_locations_out():
    boxes = generate_anchors(32, [1], (4, 5), 8, anchor_stride=2)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    assert sorted(set(centres[:, 0])) == [0, 16]
    assert sorted(set(centres[:, 1])) == [0, 16, 32]


def test_pyramid_has_one_scale_a_level():
    strides = (4, 8, 16, 32, 64)
    boxes = pyramid_anchors((128, 64, 3), (8, 16, 32, 64, 128), (1,), strides)
    counts = [32 * 16, 16 * 8, 8 * 4, 4 * 2, 2 * 1]
    assert len(boxes) == sum(counts)
    assert np.allclose(boxes[:, 2] - boxes[:, 0], np.repeat([8.0, 16.0, 32.0, 64.0, 128.0], counts))


def test_level_of_odd_size_rounds_up():
    assert pyramid_shapes((65, 130), (4, 64)) == [(17, 33), (2, 3)]


def test_scales_and_levels_must_be_as_many():
    with pytest.raises(ValueError, match="zip"):
        pyramid_anchors((64, 64), (8, 16), (1,), (4, 8, 16))


def test_normalized_frame_ends_at_the_last_pixel():
    boxes = np.array([[0, 0, 100, 200], [10, 20, 11, 21]])
    normalized = normalize_boxes(boxes, (100, 200, 3))
    assert normalized.dtype == np.float32
    assert normalized[0].tolist() == [0, 0, 1, 1]
    assert np.allclose(normalized[1], [10 / 99, 20 / 199, 10 / 99, 20 / 199])
    assert np.array_equal(denormalize_boxes(normalized, (100, 200)), boxes)
