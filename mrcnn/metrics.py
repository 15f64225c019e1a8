"""How well predictions fit the truth: matches, average precision and recall, as Matterport has it.

Boxes are y1 x1 y2 x2 in pixels and masks [h, w, n]. For the COCO protocol use pycocotools; these
numbers are for comparing with those that old notebooks printed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mrcnn.overlaps import compute_overlaps, compute_overlaps_masks

Array = NDArray[Any]


def trim_zeros(x: Array) -> Array:
    """Drop the rows of `x` [n, columns] that are all zeros."""
    if x.ndim != 2:
        raise ValueError(f"rows are cut from a two-dimensional array, not from {list(x.shape)}")
    trimmed: Array = x[x.any(axis=1)]
    return trimmed


def compute_matches(
    gt_boxes: Array,
    gt_class_ids: Array,
    gt_masks: Array,
    pred_boxes: Array,
    pred_class_ids: Array,
    pred_scores: Array,
    pred_masks: Array,
    iou_threshold: float = 0.5,
    score_threshold: float = 0.0,
) -> tuple[Array, Array, Array]:
    """Match predictions, best score first, with the truth by mask overlap and class.

    Returns `gt_match` (for each true instance the row of its prediction, or -1), `pred_match` (for
    each prediction by score the true instance, or -1) and the overlaps [predictions by score,
    truth]. `score_threshold` is, as in the original, a least overlap to look at.
    """
    gt_boxes, pred_boxes = trim_zeros(gt_boxes), trim_zeros(pred_boxes)
    order = np.argsort(pred_scores[: len(pred_boxes)])[::-1]
    overlaps = compute_overlaps_masks(pred_masks[..., order], gt_masks[..., : len(gt_boxes)])
    gt_match, pred_match = -np.ones(len(gt_boxes)), -np.ones(len(pred_boxes))
    for row, class_id in enumerate(pred_class_ids[order]):
        for column in np.argsort(overlaps[row])[::-1]:
            overlap = overlaps[row, column]
            if overlap < max(score_threshold, iou_threshold):
                break
            if gt_match[column] == -1 and class_id == gt_class_ids[column]:
                gt_match[column], pred_match[row] = row, column
                break
    return gt_match, pred_match, overlaps


def compute_ap(
    gt_boxes: Array,
    gt_class_ids: Array,
    gt_masks: Array,
    pred_boxes: Array,
    pred_class_ids: Array,
    pred_scores: Array,
    pred_masks: Array,
    iou_threshold: float = 0.5,
) -> tuple[float, Array, Array, Array]:
    """Return (average precision, precisions, recalls, overlaps) of one picture.

    The curve starts at recall 0 and ends at 1, and its precisions never rise.
    """
    gt_match, pred_match, overlaps = compute_matches(
        gt_boxes,
        gt_class_ids,
        gt_masks,
        pred_boxes,
        pred_class_ids,
        pred_scores,
        pred_masks,
        iou_threshold,
    )
    hits = np.cumsum(pred_match > -1)
    precisions = np.concatenate([[0], hits / (np.arange(len(pred_match)) + 1), [0]])
    recalls = np.concatenate([[0], hits.astype(np.float32) / len(gt_match), [1]])
    precisions = np.maximum.accumulate(precisions[::-1])[::-1]
    steps = np.flatnonzero(np.diff(recalls)) + 1
    average = np.sum((recalls[steps] - recalls[steps - 1]) * precisions[steps])
    return average, precisions, recalls, overlaps


def compute_ap_range(
    gt_box: Array,
    gt_class_id: Array,
    gt_mask: Array,
    pred_box: Array,
    pred_class_id: Array,
    pred_score: Array,
    pred_mask: Array,
    iou_thresholds: Sequence[float] | Array | None = None,
    verbose: int = 1,
) -> float:
    """Return the mean of the average precisions at several overlaps, .5 to .95 by default."""
    if iou_thresholds is None:
        iou_thresholds = np.arange(0.5, 1.0, 0.05)
    truth, predictions = (gt_box, gt_class_id, gt_mask), (pred_box, pred_class_id, pred_score)
    averages = []
    for threshold in iou_thresholds:
        averages.append(compute_ap(*truth, *predictions, pred_mask, threshold)[0])
        if verbose:
            print(f"AP @{threshold:.2f}:\t {averages[-1]:.3f}")
    mean = float(np.mean(averages))
    if verbose:
        print(f"AP @{iou_thresholds[0]:.2f}-{iou_thresholds[-1]:.2f}:\t {mean:.3f}")
    return mean


def compute_recall(pred_boxes: Array, gt_boxes: Array, iou: float) -> tuple[float, Array]:
    """Return the share of true boxes that some prediction overlaps by `iou`, and which ones do."""
    overlaps = compute_overlaps(pred_boxes, gt_boxes)
    positives = np.flatnonzero(overlaps.max(axis=1) >= iou)
    matched = set(overlaps.argmax(axis=1)[positives].tolist())
    return len(matched) / len(gt_boxes), positives
