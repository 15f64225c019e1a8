"""Matterport's targets in numpy, for notebooks that look at them and for `data_generator`.

Like the original they draw from numpy's global random state: `np.random.seed` makes them repeat.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mrcnn.config import Config
from mrcnn.overlaps import box_refinement, compute_overlaps
from mrcnn.training.targets import NEGATIVE_ANCHOR_IOU, POSITIVE_ANCHOR_IOU, POSITIVE_REGION_IOU
from mrcnn.utils import expand_mask, resize

Array = NDArray[Any]

_NO_CROWD_IOU = 0.001
#: Share of random regions that lie near an object.
_NEAR_AN_OBJECT = 0.9


def build_rpn_targets(
    image_shape: Sequence[int], anchors: Array, gt_class_ids: Array, gt_boxes: Array, config: Config
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Choose the anchors of one picture that a step learns from, and their deltas.

    Returns match int32 [anchors]: 1 object, -1 background, 0 not used; and the deltas of those with
    an object, in their order, [RPN_TRAIN_ANCHORS_PER_IMAGE, 4] padded with zeros.
    """
    crowds, objects = gt_boxes[gt_class_ids < 0], gt_boxes
    is_free = np.ones(len(anchors), bool)
    if len(crowds):
        objects = gt_boxes[gt_class_ids > 0]
        is_free = compute_overlaps(anchors, crowds).max(axis=1) < _NO_CROWD_IOU
    overlaps = compute_overlaps(anchors, objects)
    best = overlaps.max(axis=1)
    match = np.zeros(len(anchors), np.int32)
    match[(best < NEGATIVE_ANCHOR_IOU) & is_free] = -1
    match[(overlaps == overlaps.max(axis=0)).any(axis=1)] = 1
    match[best >= POSITIVE_ANCHOR_IOU] = 1

    total = config.RPN_TRAIN_ANCHORS_PER_IMAGE
    _drop_at_random(match, 1, total // 2)
    _drop_at_random(match, -1, total - int(np.count_nonzero(match == 1)))
    deltas = np.zeros((total, 4))
    positive = np.flatnonzero(match == 1)
    nearest = objects[overlaps.argmax(axis=1)[positive]]
    deltas[: len(positive)] = box_refinement(anchors[positive], nearest) / config.RPN_BBOX_STD_DEV
    return match, deltas


def _drop_at_random(match: NDArray[np.int32], value: int, most: int) -> None:
    """Set so many of the entries that are `value` to 0 that `most` are left."""
    places = np.flatnonzero(match == value)
    if len(places) > most:
        match[np.random.choice(places, len(places) - most, replace=False)] = 0


def build_detection_targets(
    rpn_rois: Array, gt_class_ids: Array, gt_boxes: Array, gt_masks: Array, config: Config
) -> tuple[Array, NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
    """Sample regions that the heads learn from, and their targets.

    Args:
        rpn_rois: [n, 4] pixels.
        gt_class_ids: int32 [instances], 0 is padding; one at least is not.
        gt_boxes: int32 [instances, 4] pixels.
        gt_masks: bool [h, w, instances]; with USE_MINI_MASK each shows its own box alone.
        config: the settings of training are read.

    Returns:
        regions [count, 4], class ids [count], deltas [count, classes, 4] and masks
        [count, *MASK_SHAPE, classes]; those with an object first.

    Raises:
        ValueError: there is no region or no instance, or a type is another.
    """
    for name, array, dtype in (
        ("gt_class_ids", gt_class_ids, np.int32),
        ("gt_boxes", gt_boxes, np.int32),
        ("gt_masks", gt_masks, np.bool_),
    ):
        if array.dtype != dtype:
            raise ValueError(f"{name} is {array.dtype}; it must be {np.dtype(dtype)}")
    real = gt_class_ids > 0
    if not len(rpn_rois) or not real.any():
        raise ValueError("there must be a region and an instance at least")
    gt_class_ids, gt_boxes, gt_masks = gt_class_ids[real], gt_boxes[real], gt_masks[..., real]
    overlaps = compute_overlaps(rpn_rois, gt_boxes)
    kept, objects = _sampled(overlaps.max(axis=1), config)
    rois, owner = rpn_rois[kept], overlaps.argmax(axis=1)[kept[:objects]]
    class_ids = np.zeros(len(rois), np.int32)
    class_ids[:objects] = gt_class_ids[owner]
    rows = np.arange(objects)
    deltas = np.zeros((len(rois), config.NUM_CLASSES, 4), np.float32)
    found = box_refinement(rois[:objects], gt_boxes[owner]) / config.BBOX_STD_DEV
    deltas[rows, class_ids[:objects]] = found
    masks = np.zeros((len(rois), *config.MASK_SHAPE, config.NUM_CLASSES), np.float32)
    for row, index in zip(rows, owner, strict=True):
        mask = gt_masks[..., index]
        if config.USE_MINI_MASK:
            box = gt_boxes[index : index + 1]
            mask = expand_mask(box, mask[..., None], tuple(config.IMAGE_SHAPE))[..., 0]
        top, left, bottom, right = rois[row].astype(np.int32)
        masks[row, ..., class_ids[row]] = resize(mask[top:bottom, left:right], config.MASK_SHAPE)
    return rois, class_ids, deltas, masks


def _sampled(best: Array, config: Config) -> tuple[NDArray[np.intp], int]:
    """Return the places of TRAIN_ROIS_PER_IMAGE regions, and how many of them have an object.

    Where there are too few, regions without one are repeated.
    """
    count = config.TRAIN_ROIS_PER_IMAGE
    objects = np.flatnonzero(best > POSITIVE_REGION_IOU)
    most = int(count * config.ROI_POSITIVE_RATIO)
    if len(objects) > most:
        objects = np.random.choice(objects, most, replace=False)
    others = np.flatnonzero(best < POSITIVE_REGION_IOU)
    if len(others) > count - len(objects):
        others = np.random.choice(others, count - len(objects), replace=False)
    missing = count - len(objects) - len(others)
    if missing and not len(others):
        raise ValueError(f"{missing} regions without an object are missing, and there is none")
    repeated = np.random.choice(others, missing) if missing else others[:0]
    return np.concatenate([objects, others, repeated]), len(objects)


def generate_random_rois(
    image_shape: Sequence[int], count: int, gt_class_ids: Array, gt_boxes: Array
) -> NDArray[np.int32]:
    """Return `count` random regions, int32 [count, 4] pixels, nine of ten around an object.

    Around an object means within its size of it, and within the picture. None is without area.
    """
    each = int(_NEAR_AN_OBJECT * count / len(gt_boxes))
    parts = []
    for top, left, bottom, right in gt_boxes:
        height, width = bottom - top, right - left
        rows = (max(top - height, 0), min(bottom + height, image_shape[0]))
        columns = (max(left - width, 0), min(right + width, image_shape[1]))
        parts.append(_random_boxes(each, rows, columns))
    rest = count - each * len(gt_boxes)
    parts.append(_random_boxes(rest, (0, image_shape[0]), (0, image_shape[1])))
    return np.concatenate(parts).astype(np.int32)


def _random_boxes(count: int, rows: tuple[int, int], columns: tuple[int, int]) -> Array:
    sides = []
    for low, high in (rows, columns):
        ends = np.zeros((0, 2), int)
        while len(ends) < count:
            drawn = np.random.randint(low, high, (2 * count, 2))
            ends = np.concatenate([ends, drawn[drawn[:, 0] != drawn[:, 1]]])
        sides.append(np.sort(ends[:count], axis=1))
    (tops, bottoms), (lefts, rights) = (ends.T for ends in sides)
    return np.stack([tops, lefts, bottoms, rights], axis=1)
