"""Matterport's detection targets, with crowds and mini masks: `mrcnn.model.<name>`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from mrcnn.boxes import box_deltas, iou_matrix
from mrcnn.config import Config
from mrcnn.graph_functions import trim_zeros_graph
from mrcnn.training.targets import RegionTargets, padded, sample_regions

#: A region that overlaps a crowd by less than this is no part of it.
_NO_CROWD_IOU = 0.001


def detection_targets_graph(
    proposals: tf.Tensor,
    gt_class_ids: tf.Tensor,
    gt_boxes: tf.Tensor,
    gt_masks: tf.Tensor,
    config: Config,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Sample the proposals of one image that the heads learn from, and their targets.

    Args:
        proposals: [proposals, 4] normalized, zero-padded.
        gt_class_ids: [instances]; below 0 for a crowd, whose regions are left out.
        gt_boxes: [instances, 4] normalized, zero-padded.
        gt_masks: [h, w, instances]; with USE_MINI_MASK each shows its own box alone.
        config: the settings of training are read.

    Returns:
        regions [count, 4], class ids int32 [count], deltas [count, 4], masks [count, h, w];
        those with an object come first, and what is missing to TRAIN_ROIS_PER_IMAGE is zeros.
    """
    proposals, _ = trim_zeros_graph(proposals)
    gt_boxes, is_used = trim_zeros_graph(gt_boxes)
    gt_class_ids = tf.boolean_mask(tf.cast(gt_class_ids, tf.int32), is_used)
    masks = tf.boolean_mask(tf.transpose(gt_masks, [2, 0, 1]), is_used)
    crowds, objects = (tf.where(are)[:, 0] for are in (gt_class_ids < 0, gt_class_ids > 0))
    boxes = tf.gather(gt_boxes, objects)
    overlaps = tf.pad(iou_matrix(proposals, boxes), [[0, 0], [0, 1]])
    positive, negative = sample_regions(
        _without_crowds(proposals, overlaps, tf.gather(gt_boxes, crowds)), config
    )
    owner = tf.argmax(tf.gather(overlaps, positive), axis=1)
    regions, own_boxes = tf.gather(proposals, positive), tf.gather(boxes, owner)
    count = int(config.TRAIN_ROIS_PER_IMAGE)
    std_dev = tf.constant(config.BBOX_STD_DEV, tf.float32)
    own_masks = tf.gather(masks, tf.gather(objects, owner))
    return tuple(
        RegionTargets(
            padded(tf.concat([regions, tf.gather(proposals, negative)], axis=0), count),
            padded(tf.gather(tf.gather(gt_class_ids, objects), owner), count),
            padded(box_deltas(regions, own_boxes) / std_dev, count),
            padded(_cut(own_masks, regions, own_boxes, config), count),
        )
    )


def _without_crowds(proposals: tf.Tensor, overlaps: tf.Tensor, crowds: tf.Tensor) -> tf.Tensor:
    """Return the best overlap of each proposal; of one in a crowd and on no object, not a number.

    That is neither above nor below a threshold, so that it is drawn for neither.
    """
    best = tf.reduce_max(overlaps, axis=1)
    crowded = tf.reduce_max(tf.pad(iou_matrix(proposals, crowds), [[0, 0], [0, 1]]), axis=1)
    return tf.where((crowded < _NO_CROWD_IOU) | (best >= 0.5), best, float("nan"))


def _cut(masks: tf.Tensor, regions: tf.Tensor, boxes: tf.Tensor, config: Config) -> tf.Tensor:
    """Return what each region [n, 4] shows of its mask [n, h, w], of 0 and 1."""
    if config.USE_MINI_MASK:
        corners, sizes = tf.tile(boxes[:, :2], [1, 2]), boxes[:, 2:] - boxes[:, :2]
        regions = (regions - corners) / tf.tile(sizes, [1, 2])
    layers = tf.range(tf.shape(regions)[0])
    masks = tf.cast(masks, tf.float32)[..., None]
    cut = tf.image.crop_and_resize(masks, regions, layers, list(config.MASK_SHAPE))
    return tf.round(cut[..., 0])


class DetectionTargetLayer(keras.layers.Layer):
    """Runs `detection_targets_graph` for each image of a batch.

    Args:
        config: the settings of training are read.

    Call arguments:
        inputs: proposals, class ids, boxes and masks, each with the batch in front.

    Returns:
        regions, class ids, deltas and masks, each with the batch in front.
    """

    def __init__(self, config: Config, **options: Any) -> None:
        super().__init__(**options)
        self.config = config

    def call(self, inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        def of_one(image: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, ...]:
            proposals, class_ids, boxes, masks = image
            return detection_targets_graph(proposals, class_ids, boxes, masks, self.config)

        types = (tf.float32, tf.int32, tf.float32, tf.float32)
        return list(tf.map_fn(of_one, tuple(inputs), fn_output_signature=types))

    def compute_output_shape(self, input_shape: Any) -> list[tuple[int | None, ...]]:
        count = int(self.config.TRAIN_ROIS_PER_IMAGE)
        sides = [(4,), (), (4,), tuple(self.config.MASK_SHAPE)]
        return [(input_shape[0][0], count, *rest) for rest in sides]
