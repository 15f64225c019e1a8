"""Boxes and masks against each other, in numpy: extents, overlaps, suppression, deltas.

The signatures and results are Matterport's; `mrcnn.utils` gives them out under its name, and
evaluation uses them. Boxes are y1 x1 y2 x2. What runs inside the network's graph is not here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def extract_bboxes(mask: Array) -> NDArray[np.int32]:
    """Return the boxes, int32 [n, 4], around masks [h, w, n]; zeros for an empty mask."""
    boxes = np.zeros((mask.shape[-1], 4), np.int32)
    for index in range(mask.shape[-1]):
        rows = np.flatnonzero(mask[..., index].any(axis=1))
        columns = np.flatnonzero(mask[..., index].any(axis=0))
        if rows.size:
            boxes[index] = rows[0], columns[0], rows[-1] + 1, columns[-1] + 1
    return boxes


def compute_iou(box: Array, boxes: Array, box_area: float, boxes_area: Array) -> Array:
    """Return the intersection over union of one box with each of `boxes` [n, 4], areas given."""
    heights = np.minimum(box[2], boxes[:, 2]) - np.maximum(box[0], boxes[:, 0])
    widths = np.minimum(box[3], boxes[:, 3]) - np.maximum(box[1], boxes[:, 1])
    intersections = np.maximum(widths, 0) * np.maximum(heights, 0)
    overlaps: Array = intersections / (box_area + boxes_area - intersections)
    return overlaps


def compute_overlaps(boxes1: Array, boxes2: Array) -> NDArray[np.float64]:
    """Return the intersection over union of all pairs, float64 [n1, n2]."""
    areas1, areas2 = _box_areas(boxes1), _box_areas(boxes2)
    overlaps = np.zeros((len(boxes1), len(boxes2)))
    for column, box in enumerate(boxes2):
        overlaps[:, column] = compute_iou(box, boxes1, areas2[column], areas1)
    return overlaps


def compute_overlaps_masks(masks1: Array, masks2: Array) -> Array:
    """Return the intersection over union, [n1, n2], of masks [h, w, n1] and [h, w, n2].

    Two empty masks do not overlap.
    """
    if masks1.shape[-1] == 0 or masks2.shape[-1] == 0:
        return np.zeros((masks1.shape[-1], masks2.shape[-1]))
    flat1, flat2 = (
        np.reshape(masks > 0.5, (-1, masks.shape[-1])).astype(np.float32)
        for masks in (masks1, masks2)
    )
    intersections = flat1.T @ flat2
    unions = flat1.sum(axis=0)[:, None] + flat2.sum(axis=0)[None] - intersections
    overlaps: Array = intersections / np.maximum(unions, 1)
    return overlaps


def non_max_suppression(boxes: Array, scores: Array, threshold: float) -> NDArray[np.int32]:
    """Return the indices of the boxes to keep, best first.

    A box falls if it overlaps a better one by more than `threshold`. Raises ValueError for none.
    """
    if len(boxes) == 0:
        raise ValueError("there are no boxes to choose from")
    boxes = boxes.astype(np.float32) if boxes.dtype.kind == "i" else boxes
    areas = _box_areas(boxes)
    rest = scores.argsort()[::-1]
    kept = []
    while rest.size:
        best, rest = rest[0], rest[1:]
        kept.append(best)
        overlaps = compute_iou(boxes[best], boxes[rest], areas[best], areas[rest])
        rest = rest[~(overlaps > threshold)]
    return np.array(kept, dtype=np.int32)


def apply_box_deltas(boxes: Array, deltas: Array) -> NDArray[np.float32]:
    """Shift and scale boxes [n, 4] by deltas [n, (dy, dx, log(dh), log(dw))]."""
    boxes = boxes.astype(np.float32)
    sizes = boxes[:, 2:] - boxes[:, :2]
    centres = boxes[:, :2] + 0.5 * sizes
    centres += deltas[:, :2] * sizes
    sizes *= np.exp(deltas[:, 2:])
    corners = centres - 0.5 * sizes
    moved: NDArray[np.float32] = np.concatenate([corners, corners + sizes], axis=1)
    return moved


def box_refinement(box: Array, gt_box: Array) -> NDArray[np.float32]:
    """Return the deltas that take boxes [n, 4] to `gt_box` [n, 4]; undoes `apply_box_deltas`."""
    box, gt_box = box.astype(np.float32), gt_box.astype(np.float32)
    sizes, gt_sizes = box[:, 2:] - box[:, :2], gt_box[:, 2:] - gt_box[:, :2]
    shifts = (gt_box[:, :2] + 0.5 * gt_sizes - (box[:, :2] + 0.5 * sizes)) / sizes
    deltas: NDArray[np.float32] = np.concatenate([shifts, np.log(gt_sizes / sizes)], axis=1)
    return deltas


def _box_areas(boxes: Array) -> Array:
    areas: Array = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return areas
