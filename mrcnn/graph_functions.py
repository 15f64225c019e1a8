"""Matterport's functions on tensors of boxes and of image metas: `mrcnn.model.<name>_graph`.

The arithmetic is that of `boxes` and `detection_layer`; here are the original's arguments.
"""

from __future__ import annotations

import tensorflow as tf

from mrcnn.boxes import apply_deltas, clip_boxes, iou_matrix
from mrcnn.config import Config
from mrcnn.detection_layer import DetectionLayer

#: Where each part of an image meta begins and ends; see `mrcnn.molding.compose_image_meta`.
_META = {
    "image_id": 0,
    "original_image_shape": slice(1, 4),
    "image_shape": slice(4, 7),
    "window": slice(7, 11),
    "scale": 11,
    "active_class_ids": slice(12, None),
}


def apply_box_deltas_graph(boxes: tf.Tensor, deltas: tf.Tensor) -> tf.Tensor:
    """Shift and scale boxes [n, 4] by deltas [n, (dy, dx, log(dh), log(dw))]."""
    return apply_deltas(boxes, deltas)


def clip_boxes_graph(boxes: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
    """Clip boxes [n, 4] to `window` [4]."""
    return clip_boxes(boxes, tf.convert_to_tensor(window))


def log2_graph(x: tf.Tensor) -> tf.Tensor:
    """Return the logarithm of base 2."""
    return tf.math.log(x) / tf.math.log(2.0)


def overlaps_graph(boxes1: tf.Tensor, boxes2: tf.Tensor) -> tf.Tensor:
    """Return the intersection over union of all pairs of boxes: [n1, n2]."""
    return iou_matrix(boxes1, boxes2)


def refine_detections_graph(
    rois: tf.Tensor, probs: tf.Tensor, deltas: tf.Tensor, window: tf.Tensor, config: Config
) -> tf.Tensor:
    """Return one image's detections [DETECTION_MAX_INSTANCES, 6], best first, zero-padded.

    `rois` are [n, 4], `probs` [n, classes], `deltas` [n, classes, 4], `window` [4], all normalized.
    """
    least = tf.constant(config.DETECTION_MIN_CONFIDENCE or 0.0, tf.float32)
    image = (tf.convert_to_tensor(part)[None] for part in (rois, probs, deltas, window))
    found, _ = DetectionLayer(config)(*image, least)
    return found[0]


def norm_boxes_graph(boxes: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
    """Map pixel boxes [..., 4] of a picture of `shape` (h, w) to 0..1; y2 and x2 are exclusive."""
    return (tf.cast(boxes, tf.float32) - _SHIFT) / _extent(shape)


def denorm_boxes_graph(boxes: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
    """Undo `norm_boxes_graph`, to whole pixels: int32."""
    return tf.cast(tf.round(boxes * _extent(shape) + _SHIFT), tf.int32)


def parse_image_meta_graph(meta: tf.Tensor) -> dict[str, tf.Tensor]:
    """Take metas [batch, 12 + classes] apart, as `parse_image_meta` does, keeping their type."""
    return {name: meta[:, place] for name, place in _META.items()}


def trim_zeros_graph(boxes: tf.Tensor, name: str = "trim_zeros") -> tuple[tf.Tensor, tf.Tensor]:
    """Return the rows of `boxes` [n, 4] that are not all zeros, and which ones these are."""
    is_used = tf.reduce_any(tf.not_equal(boxes, 0), axis=1)
    return tf.boolean_mask(boxes, is_used, name=name), is_used


def batch_pack_graph(x: tf.Tensor, counts: tf.Tensor, num_rows: int) -> tf.Tensor:
    """Return the first `counts[i]` entries of each row i of `x`, one after the other."""
    return tf.concat([x[row, : counts[row]] for row in range(num_rows)], axis=0)


_SHIFT = (0.0, 0.0, 1.0, 1.0)


def _extent(shape: tf.Tensor) -> tf.Tensor:
    return tf.tile(tf.cast(shape, tf.float32), [2]) - 1.0
