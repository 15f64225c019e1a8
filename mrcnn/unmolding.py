"""From the network's frame back to the photo's: normalized boxes become whole pixels.

The dtypes below are the original's own: another float width moves a box that rounds at .5.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mrcnn.anchors import denormalize_boxes, normalize_boxes
from mrcnn.instances import Instances


def unmold_detections(
    detections: NDArray[np.float32],
    masks: NDArray[np.float32],
    probabilities: NDArray[np.float32] | None = None,
    *,
    molded_shape: Sequence[int],
    window: Sequence[int],
    photo_shape: Sequence[int],
) -> Instances:
    """Turn one picture's zero-padded detections into the instances of its photo.

    `detections` are [k, 6]: y1 x1 y2 x2 normalized to the molded picture, class, score; `masks`
    [k, m, m], or fewer rows where the padding has none; `probabilities` [k, classes], where they
    are known. The first class 0 ends the list. `window` is where the photo lies in the molded
    picture, in pixels. What has no area in whole pixels is dropped.
    """
    padding = np.flatnonzero(detections[:, 4] == 0)
    count = int(padding[0]) if padding.size else len(detections)
    boxes, kept = unmold_boxes(
        detections[:count, :4], molded_shape=molded_shape, window=window, photo_shape=photo_shape
    )
    known = np.zeros((count, 0)) if probabilities is None else probabilities[:count]
    return Instances(
        (int(photo_shape[0]), int(photo_shape[1])),
        boxes[kept],
        detections[:count, 4].astype(np.int32)[kept],
        detections[:count, 5].astype(np.float32)[kept],
        masks[:count].astype(np.float32, copy=False)[kept],
        known.astype(np.float32, copy=False)[kept],
    )


def unmold_boxes(
    boxes_normalized: NDArray[np.float32],
    *,
    molded_shape: Sequence[int],
    window: Sequence[int],
    photo_shape: Sequence[int],
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return int32 [n, 4] yxyx pixels of the photo, and which of them have an area."""
    top, left, bottom, right = normalize_boxes(np.asarray(window), molded_shape)
    corner = np.array([top, left, top, left])
    extent = np.array([bottom - top, right - left] * 2)
    # A window one pixel high or wide has no extent: every box of it starts at its first pixel.
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.divide(boxes_normalized.astype(np.float32) - corner, extent)
    relative[~np.isfinite(relative)] = 0
    pixels = denormalize_boxes(relative, photo_shape)
    boxes = np.clip(pixels, 0, [photo_shape[0], photo_shape[1]] * 2).astype(np.int32)
    has_area = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    return boxes, has_area
