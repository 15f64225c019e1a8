"""The five losses of a Mask R-CNN, each a scalar. Padding and unused samples cost nothing."""

from __future__ import annotations

import tensorflow as tf


def smooth_l1(target: tf.Tensor, predicted: tf.Tensor) -> tf.Tensor:
    """Elementwise: quadratic within one of the target, linear beyond.

    Reference: Girshick, Fast R-CNN, 2015, equation 3.
    """
    difference = tf.abs(target - predicted)
    return tf.where(difference < 1.0, 0.5 * difference**2, difference - 0.5)


def mean_or_zero(values: tf.Tensor) -> tf.Tensor:
    """The mean, and 0 of nothing."""
    return tf.math.divide_no_nan(tf.reduce_sum(values), tf.cast(tf.size(values), values.dtype))


def rpn_class_loss(match: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of the sampled anchors.

    Args:
        match: [batch, anchors] 1 object, -1 background, 0 not used.
        logits: [batch, anchors, 2].
    """
    used = tf.where(match != 0)
    labels = tf.cast(tf.gather_nd(match, used) == 1, tf.int32)
    return mean_or_zero(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels, tf.gather_nd(logits, used))
    )


def rpn_bbox_loss(match: tf.Tensor, target: tf.Tensor, deltas: tf.Tensor) -> tf.Tensor:
    """Smooth L1 of the sampled anchors that are objects; all three [batch, anchors, ...]."""
    objects = tf.where(match == 1)
    return mean_or_zero(smooth_l1(tf.gather_nd(target, objects), tf.gather_nd(deltas, objects)))


def class_loss(class_ids: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of the sampled regions: class ids [regions], logits [regions, classes]."""
    return mean_or_zero(tf.nn.sparse_softmax_cross_entropy_with_logits(class_ids, logits))


def bbox_loss(class_ids: tf.Tensor, target: tf.Tensor, deltas: tf.Tensor) -> tf.Tensor:
    """Smooth L1 of the object regions' deltas for their own class.

    Args:
        class_ids: [regions].
        target: [regions, 4].
        deltas: [regions, classes, 4].
    """
    objects = tf.where(class_ids > 0)[:, 0]
    own = tf.gather(tf.gather(deltas, objects), tf.gather(class_ids, objects), batch_dims=1)
    return mean_or_zero(smooth_l1(tf.gather(target, objects), own))


def mask_loss(class_ids: tf.Tensor, target: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Binary cross-entropy of the object regions' masks for their own class.

    Args:
        class_ids: [regions].
        target: [regions, side, side] 0 or 1.
        logits: [regions, side, side, classes].
    """
    objects = tf.where(class_ids > 0)[:, 0]
    own = tf.gather(
        tf.transpose(tf.gather(logits, objects), [0, 3, 1, 2]),
        tf.gather(class_ids, objects),
        batch_dims=1,
    )
    return mean_or_zero(
        tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.gather(target, objects), logits=own)
    )
