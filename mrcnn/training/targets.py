"""What the network should have answered: targets of anchors and of regions.

Sampling, thresholds and the order of steps are those of the original project. Everything runs in
the graph, one image at a time; padding has class 0 and boxes without area.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from mrcnn.boxes import box_deltas, iou_matrix
from mrcnn.config import Config

#: An anchor that overlaps an object by this much is an object, below the second it is background.
POSITIVE_ANCHOR_IOU, NEGATIVE_ANCHOR_IOU = 0.7, 0.3
#: A region that overlaps an object by this much belongs to it.
POSITIVE_REGION_IOU = 0.5


class RegionTargets(NamedTuple):
    """The sampled regions of one image, those with an object first, padded with zeros."""

    regions: tf.Tensor  # [count, 4] normalized
    class_ids: tf.Tensor  # [count] int32, 0 is background
    deltas: tf.Tensor  # [count, 4] in units of the box standard deviation
    masks: tf.Tensor  # [count, side, side] 0 or 1


def random_subset(candidates: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Up to `count` of the int64 [n] `candidates`, drawn without replacement."""
    return tf.random.shuffle(candidates)[:count]


def anchor_targets(
    anchors: tf.Tensor, class_ids: tf.Tensor, boxes: tf.Tensor, config: Config
) -> tuple[tf.Tensor, tf.Tensor]:
    """Choose the anchors of one image that a step learns from.

    Args:
        anchors: [anchors, 4] pixels.
        class_ids: [instances] int32, 0 is padding.
        boxes: [instances, 4] pixels.
        config: RPN_TRAIN_ANCHORS_PER_IMAGE and RPN_BBOX_STD_DEV are read.

    Returns:
        match [anchors] int32: 1 object, -1 background, 0 not used; deltas [anchors, 4] to the
        object each anchor overlaps most, in units of the standard deviation.

    Reference: Ren et al., Faster R-CNN, 2015, section 3.1.2.
    """
    boxes = tf.boolean_mask(boxes, class_ids > 0)
    overlaps = tf.pad(iou_matrix(anchors, boxes), [[0, 0], [0, 1]])  # a last column of zeros
    best_box = tf.argmax(overlaps, axis=1, output_type=tf.int32)
    best_iou = tf.reduce_max(overlaps, axis=1)
    best_of_box = tf.reduce_max(overlaps[:, :-1], axis=0, keepdims=True)
    is_best = tf.reduce_any((overlaps[:, :-1] == best_of_box) & (best_of_box > 0), axis=1)
    positive = tf.where((best_iou >= POSITIVE_ANCHOR_IOU) | is_best)[:, 0]
    negative = tf.where((best_iou < NEGATIVE_ANCHOR_IOU) & ~is_best)[:, 0]
    total = int(config.RPN_TRAIN_ANCHORS_PER_IMAGE)
    positive = random_subset(positive, total // 2)
    negative = random_subset(negative, total - tf.size(positive))
    match = tf.scatter_nd(
        tf.concat([positive, negative], 0)[:, None],
        tf.concat([tf.ones_like(positive), -tf.ones_like(negative)], 0),
        tf.shape(best_iou, out_type=tf.int64),
    )
    boxes = tf.concat([boxes, anchors[:1]], axis=0)  # what an image without objects points at
    deltas = box_deltas(anchors, tf.gather(boxes, best_box))
    return tf.cast(match, tf.int32), deltas / tf.constant(config.RPN_BBOX_STD_DEV, tf.float32)


def region_targets(
    proposals: tf.Tensor,
    class_ids: tf.Tensor,
    boxes: tf.Tensor,
    masks: tf.Tensor,
    config: Config,
) -> RegionTargets:
    """Sample the proposals of one image that the heads learn from, and their targets.

    Args:
        proposals: [proposals, 4] normalized, zero-padded.
        class_ids: [instances] int32, 0 is padding.
        boxes: [instances, 4] normalized.
        masks: [instances, height, width] 0 or 1, in the molded image's frame.
        config: TRAIN_ROIS_PER_IMAGE, ROI_POSITIVE_RATIO, BBOX_STD_DEV, MASK_SHAPE are read.

    Reference: He et al., Mask R-CNN, 2017, section 3.1.
    """
    real = tf.where(class_ids > 0)[:, 0]
    class_ids, boxes = tf.gather(class_ids, real), tf.gather(boxes, real)
    proposals = tf.boolean_mask(proposals, tf.reduce_any(proposals != 0, axis=1))
    overlaps = tf.pad(iou_matrix(proposals, boxes), [[0, 0], [0, 1]])
    positive, negative = sample_regions(tf.reduce_max(overlaps, axis=1), config)

    objects = tf.gather(proposals, positive)
    owner = tf.argmax(tf.gather(overlaps, positive), axis=1)
    deltas = box_deltas(objects, tf.gather(boxes, owner))
    cut = tf.image.crop_and_resize(
        tf.cast(tf.gather(masks, tf.gather(real, owner)), tf.float32)[..., None],
        objects,
        tf.range(tf.size(positive)),
        list(config.MASK_SHAPE),
    )[..., 0]
    count = int(config.TRAIN_ROIS_PER_IMAGE)
    return RegionTargets(
        padded(tf.concat([objects, tf.gather(proposals, negative)], axis=0), count),
        padded(tf.gather(class_ids, owner), count),
        padded(deltas / tf.constant(config.BBOX_STD_DEV, tf.float32), count),
        padded(tf.round(cut), count),
    )


def sample_regions(best_iou: tf.Tensor, config: Config) -> tuple[tf.Tensor, tf.Tensor]:
    """Draw indices of regions with and without an object, by the best overlap of each [regions]."""
    count, ratio = int(config.TRAIN_ROIS_PER_IMAGE), float(config.ROI_POSITIVE_RATIO)
    with_object = tf.where(best_iou >= POSITIVE_REGION_IOU)[:, 0]
    positive = random_subset(with_object, int(count * ratio))
    wanted = tf.cast(tf.cast(tf.size(positive), tf.float32) / ratio, tf.int32) - tf.size(positive)
    negative = random_subset(tf.where(best_iou < POSITIVE_REGION_IOU)[:, 0], wanted)
    return positive, negative


def padded(x: tf.Tensor, count: int) -> tf.Tensor:
    """Pad the first axis with zeros up to `count`."""
    missing = count - tf.shape(x)[0]
    x = tf.pad(x, [[0, missing]] + [[0, 0]] * (len(x.shape) - 1))
    return tf.ensure_shape(x, [count, *x.shape[1:]])
