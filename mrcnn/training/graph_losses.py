"""Matterport's losses, with its names and arguments: `mrcnn.model.<name>`.

`losses` has the arithmetic; here are padded targets, probabilities of masks and active classes.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from mrcnn.config import Config
from mrcnn.graph_functions import batch_pack_graph
from mrcnn.training import losses


def smooth_l1_loss(y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
    """Elementwise: quadratic within one of the truth, linear beyond."""
    return losses.smooth_l1(y_true, y_pred)


def rpn_class_loss_graph(rpn_match: tf.Tensor, rpn_class_logits: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of anchors: match [batch, anchors, 1], logits [batch, anchors, 2]."""
    return losses.rpn_class_loss(rpn_match[..., 0], rpn_class_logits)


def rpn_bbox_loss_graph(
    config: Config, target_bbox: tf.Tensor, rpn_match: tf.Tensor, rpn_bbox: tf.Tensor
) -> tf.Tensor:
    """Smooth L1 of the anchors with an object.

    `target_bbox` [batch, most, 4] has the deltas of each image's such anchors, in their order,
    padded with zeros; `rpn_bbox` is [batch, anchors, 4].
    """
    is_object = tf.equal(rpn_match[..., 0], 1)
    counts = tf.reduce_sum(tf.cast(is_object, tf.int32), axis=1)
    target = batch_pack_graph(target_bbox, counts, config.IMAGES_PER_GPU)
    predicted = tf.boolean_mask(rpn_bbox, is_object)
    return losses.mean_or_zero(losses.smooth_l1(tf.cast(target, predicted.dtype), predicted))


def mrcnn_class_loss_graph(
    target_class_ids: tf.Tensor, pred_class_logits: tf.Tensor, active_class_ids: tf.Tensor
) -> tf.Tensor:
    """Cross-entropy of regions: ids [batch, n], logits [batch, n, classes].

    Regions taken for a class that is not active, by the first of [batch, classes], do not count.
    """
    labels = tf.cast(target_class_ids, tf.int32)
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, pred_class_logits)
    counts = tf.gather(active_class_ids[0], tf.argmax(pred_class_logits, axis=-1))
    counts = tf.cast(counts, loss.dtype)
    return tf.reduce_sum(loss * counts) / tf.reduce_sum(counts)


def mrcnn_bbox_loss_graph(
    target_bbox: tf.Tensor, target_class_ids: tf.Tensor, pred_bbox: tf.Tensor
) -> tf.Tensor:
    """Smooth L1 of the regions with an object, for their own class of [batch, n, classes, 4]."""
    return losses.bbox_loss(
        tf.reshape(tf.cast(target_class_ids, tf.int32), [-1]),
        tf.reshape(target_bbox, [-1, 4]),
        tf.reshape(pred_bbox, [-1, pred_bbox.shape[2], 4]),
    )


def mrcnn_mask_loss_graph(
    target_masks: tf.Tensor, target_class_ids: tf.Tensor, pred_masks: tf.Tensor
) -> tf.Tensor:
    """Binary cross-entropy of masks for their own class of probabilities [batch, n, h, w, classes].

    `target_masks` are [batch, n, h, w] of 0 and 1, `target_class_ids` [batch, n].
    """
    class_ids = tf.reshape(tf.cast(target_class_ids, tf.int32), [-1])
    objects = tf.where(class_ids > 0)[:, 0]
    predicted = tf.reshape(pred_masks, tf.concat([[-1], tf.shape(pred_masks)[2:]], axis=0))
    predicted = tf.transpose(tf.gather(predicted, objects), [0, 3, 1, 2])
    own = tf.gather(predicted, tf.gather(class_ids, objects), batch_dims=1)
    target = tf.reshape(target_masks, tf.concat([[-1], tf.shape(target_masks)[2:]], axis=0))
    loss = keras.ops.binary_crossentropy(tf.gather(target, objects), own)
    return losses.mean_or_zero(loss)
