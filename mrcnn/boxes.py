"""Box arithmetic inside the graph. All boxes are y1 x1 y2 x2."""

from __future__ import annotations

import tensorflow as tf


def apply_deltas(boxes: tf.Tensor, deltas: tf.Tensor) -> tf.Tensor:
    """Shift and scale `boxes` [..., 4] by `deltas` [..., 4] (dy, dx, log dh, log dw).

    Reference: Girshick et al., R-CNN, 2013, appendix C.
    """
    y1, x1, y2, x2 = tf.unstack(boxes, axis=-1)
    dy, dx, dh, dw = tf.unstack(deltas, axis=-1)
    height, width = y2 - y1, x2 - x1
    centre_y = y1 + 0.5 * height + dy * height
    centre_x = x1 + 0.5 * width + dx * width
    height, width = height * tf.exp(dh), width * tf.exp(dw)
    y1, x1 = centre_y - 0.5 * height, centre_x - 0.5 * width
    return tf.stack([y1, x1, y1 + height, x1 + width], axis=-1)


def box_deltas(boxes: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """The deltas that take `boxes` [..., 4] to `targets` [..., 4]; undoes `apply_deltas`."""
    y1, x1, y2, x2 = tf.unstack(tf.cast(boxes, tf.float32), axis=-1)
    t1, s1, t2, s2 = tf.unstack(tf.cast(targets, tf.float32), axis=-1)
    height, width = y2 - y1, x2 - x1
    target_height, target_width = t2 - t1, s2 - s1
    dy = (t1 + 0.5 * target_height - y1 - 0.5 * height) / height
    dx = (s1 + 0.5 * target_width - x1 - 0.5 * width) / width
    dh, dw = tf.math.log(target_height / height), tf.math.log(target_width / width)
    return tf.stack([dy, dx, dh, dw], axis=-1)


def clip_boxes(boxes: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
    """Clip `boxes` [..., 4] to `window`, broadcast against them [..., 4]."""
    low_y, low_x, high_y, high_x = tf.unstack(window, axis=-1)
    y1, x1, y2, x2 = tf.unstack(boxes, axis=-1)
    return tf.stack(
        [
            tf.maximum(tf.minimum(y1, high_y), low_y),
            tf.maximum(tf.minimum(x1, high_x), low_x),
            tf.maximum(tf.minimum(y2, high_y), low_y),
            tf.maximum(tf.minimum(x2, high_x), low_x),
        ],
        axis=-1,
    )


def iou_matrix(boxes: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """Intersection over union of each of `boxes` [n, 4] with each of `others` [m, 4]: [n, m].

    A box without area overlaps nothing.
    """
    y1, x1, y2, x2 = tf.unstack(boxes[:, None], axis=-1)  # [n, 1]
    t1, s1, t2, s2 = tf.unstack(others[None], axis=-1)  # [1, m]
    height = tf.maximum(tf.minimum(y2, t2) - tf.maximum(y1, t1), 0.0)
    width = tf.maximum(tf.minimum(x2, s2) - tf.maximum(x1, s1), 0.0)
    intersection = height * width
    union = (y2 - y1) * (x2 - x1) + (t2 - t1) * (s2 - s1) - intersection
    return tf.math.divide_no_nan(intersection, union)
