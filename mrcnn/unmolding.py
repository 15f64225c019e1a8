"""From the network's frame back to the photo's: normalized boxes become whole pixels.

The dtypes below are the original's own: another float width moves a box that rounds at .5.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mrcnn.instances import Instances


def unmold_detections(
    detections: NDArray[np.float32],
    masks: NDArray[np.float32],
    *,
    molded_shape: Sequence[int],
    window: Sequence[int],
    photo_shape: Sequence[int],
) -> Instances:
    """Turn one picture's zero-padded detections into the instances of its photo.

    `detections` are [k, 6]: y1 x1 y2 x2 normalized to the molded picture, class, score; `masks`
    [k, m, m], or fewer rows where the padding has none. The first class 0 ends the list. `window`
    is where the photo lies in the molded picture, in pixels. What has no area in whole pixels
    is dropped.
    """
    padding = np.flatnonzero(detections[:, 4] == 0)
    count = int(padding[0]) if padding.size else len(detections)
    boxes, kept = unmold_boxes(
        detections[:count, :4], molded_shape=molded_shape, window=window, photo_shape=photo_shape
    )
    return Instances(
        (int(photo_shape[0]), int(photo_shape[1])),
        boxes[kept],
        detections[:count, 4].astype(np.int32)[kept],
        detections[:count, 5].astype(np.float32)[kept],
        masks[:count].astype(np.float32, copy=False)[kept],
    )


def unmold_boxes(
    boxes_normalized: NDArray[np.float32],
    *,
    molded_shape: Sequence[int],
    window: Sequence[int],
    photo_shape: Sequence[int],
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return int32 [n, 4] yxyx pixels of the photo, and which of them have an area."""
    top, left, bottom, right = normalize_window(window, molded_shape)
    corner = np.array([top, left, top, left])
    extent = np.array([bottom - top, right - left] * 2)
    height, width = (int(side) for side in photo_shape[:2])
    # A window one pixel high or wide has no extent; its boxes come out without area.
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.divide(boxes_normalized.astype(np.float32) - corner, extent)
    spread = np.array([height - 1, width - 1] * 2)
    pixels = np.around(np.nan_to_num(relative) * spread + np.array([0, 0, 1, 1]))
    boxes = np.clip(pixels, 0, [height, width] * 2).astype(np.int32)
    has_area = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    return boxes, has_area


def normalize_window(window: Sequence[int], molded_shape: Sequence[int]) -> NDArray[np.float32]:
    """Return a pixel window as float32 fractions of the molded picture's first to last pixel."""
    spread = np.array([molded_shape[0] - 1, molded_shape[1] - 1] * 2)
    fractions: NDArray[np.float64] = (np.array(window) - [0, 0, 1, 1]) / spread
    return fractions.astype(np.float32)
