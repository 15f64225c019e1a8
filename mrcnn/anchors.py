"""Anchor boxes of the region proposal network. Numpy only; the network gets them as a constant."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mrcnn.config import Config


def generate_anchors(
    scale: float,
    ratios: Sequence[float],
    feature_shape: tuple[int, int],
    feature_stride: int,
    anchor_stride: int = 1,
) -> np.ndarray:
    """Return the anchors of one pyramid level, in the order y, x, ratio.

    Args:
        scale: side in pixels of the square anchor.
        ratios: width to height of each anchor of a location.
        feature_shape: (height, width) of the feature map.
        feature_stride: pixels of the image between two cells of the map.
        anchor_stride: cells between two locations that carry anchors.

    Returns:
        float64 [n, 4] y1 x1 y2 x2, pixels. Centres lie at `cell * stride`, without a half cell.
    """
    root = np.sqrt(np.asarray(ratios, np.float64))
    heights, widths = scale / root, scale * root
    centres_y = np.arange(0, feature_shape[0], anchor_stride) * feature_stride
    centres_x = np.arange(0, feature_shape[1], anchor_stride) * feature_stride
    y, x, r = np.meshgrid(centres_y, centres_x, np.arange(len(root)), indexing="ij")
    half_h, half_w = 0.5 * heights[r], 0.5 * widths[r]
    boxes = np.stack([y - half_h, x - half_w, y + half_h, x + half_w], axis=-1)
    return boxes.reshape(-1, 4)


def pyramid_shapes(image_shape: Sequence[int], strides: Sequence[int]) -> list[tuple[int, int]]:
    """(height, width) of each level's feature map for an image of `image_shape` (h, w, ...)."""
    return [(math.ceil(image_shape[0] / s), math.ceil(image_shape[1] / s)) for s in strides]


def pyramid_anchors(
    image_shape: Sequence[int],
    scales: Sequence[float],
    ratios: Sequence[float],
    strides: Sequence[int],
    anchor_stride: int = 1,
) -> np.ndarray:
    """Anchors of all levels one after the other: float64 [n, 4] y1 x1 y2 x2, pixels."""
    levels = zip(scales, pyramid_shapes(image_shape, strides), strides, strict=True)
    return np.concatenate(
        [generate_anchors(scale, ratios, shape, s, anchor_stride) for scale, shape, s in levels]
    )


def anchors_for(image_shape: Sequence[int], config: Config) -> np.ndarray:
    """Anchors of all levels as the settings have them: float64 [n, 4] y1 x1 y2 x2, pixels."""
    return pyramid_anchors(
        image_shape,
        config.RPN_ANCHOR_SCALES,
        config.RPN_ANCHOR_RATIOS,
        config.BACKBONE_STRIDES,
        int(config.RPN_ANCHOR_STRIDE),
    )


def normalize_boxes(boxes_yxyx: np.ndarray, image_shape: Sequence[int]) -> np.ndarray:
    """Map pixel boxes to 0..1 so that the last pixel, not the edge behind it, is 1: float32."""
    h, w = image_shape[:2]
    scale = np.array([h - 1, w - 1, h - 1, w - 1], np.float64)
    shift = np.array([0, 0, 1, 1], np.float64)
    return ((np.asarray(boxes_yxyx) - shift) / scale).astype(np.float32)


def denormalize_boxes(boxes: np.ndarray, image_shape: Sequence[int]) -> np.ndarray:
    """Undo `normalize_boxes`, rounding to whole pixels: int32."""
    h, w = image_shape[:2]
    scale = np.array([h - 1, w - 1, h - 1, w - 1], np.float64)
    shift = np.array([0, 0, 1, 1], np.float64)
    return np.around(np.asarray(boxes) * scale + shift).astype(np.int32)
