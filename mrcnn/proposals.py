"""From the region proposal network's scores to regions of interest."""

from __future__ import annotations

import keras
import tensorflow as tf

from mrcnn.boxes import apply_deltas, clip_boxes
from mrcnn.config import Config


class ProposalLayer(keras.layers.Layer):
    """Takes the best anchors, applies their deltas and drops those that overlap a better one.

    Args:
        config: PRE_NMS_LIMIT, RPN_NMS_THRESHOLD, RPN_BBOX_STD_DEV are read.
        count: regions an image; fewer are padded with zeros.

    Call arguments:
        scores: [batch, anchors] probability of an object.
        deltas: [batch, anchors, 4].
        anchors: [anchors, 4] normalized.

    Returns:
        [batch, count, 4] normalized regions, best first.

    Reference: Ren et al., Faster R-CNN, 2015.
    """

    def __init__(self, config: Config, count: int) -> None:
        super().__init__(name="ROI", dtype="float32")
        self.limit = int(config.PRE_NMS_LIMIT)
        self.threshold = float(config.RPN_NMS_THRESHOLD)
        self.std_dev = tf.constant(config.RPN_BBOX_STD_DEV, tf.float32)
        self.count = count

    def call(self, scores: tf.Tensor, deltas: tf.Tensor, anchors: tf.Tensor) -> tf.Tensor:
        limit = tf.minimum(self.limit, tf.shape(anchors)[0])
        scores, order = tf.math.top_k(scores, limit, sorted=True)
        deltas = tf.gather(deltas, order, batch_dims=1) * self.std_dev
        boxes = apply_deltas(tf.gather(anchors, order), deltas)  # [batch, limit, 4]
        boxes = clip_boxes(boxes, tf.constant([0.0, 0.0, 1.0, 1.0]))
        return tf.map_fn(
            self._suppress,
            (boxes, scores),
            fn_output_signature=tf.TensorSpec([self.count, 4], tf.float32),
        )

    def _suppress(self, boxes_and_scores: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        boxes, scores = boxes_and_scores
        kept = tf.image.non_max_suppression(boxes, scores, self.count, self.threshold)
        regions = tf.gather(boxes, kept)
        regions = tf.pad(regions, [[0, self.count - tf.shape(regions)[0]], [0, 0]])
        return tf.ensure_shape(regions, [self.count, 4])
