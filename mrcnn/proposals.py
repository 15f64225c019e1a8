"""From the region proposal network's scores to regions of interest."""

from __future__ import annotations

from typing import NamedTuple

import keras
import tensorflow as tf

from mrcnn.boxes import apply_deltas, clip_boxes
from mrcnn.config import Config


class Candidates(NamedTuple):
    """The best anchors of each image, by score: all [batch, candidates] or [batch, candidates, 4].

    Boxes are normalized; `indices` are the anchors' own places, int32.
    """

    scores: tf.Tensor
    indices: tf.Tensor
    anchors: tf.Tensor
    refined: tf.Tensor
    clipped: tf.Tensor


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
        candidates = self.candidates(scores, deltas, anchors)
        return tf.map_fn(
            self._suppress,
            (candidates.clipped, candidates.scores),
            fn_output_signature=tf.TensorSpec([self.count, 4], tf.float32),
        )

    def candidates(self, scores: tf.Tensor, deltas: tf.Tensor, anchors: tf.Tensor) -> Candidates:
        """Return what suppression chooses from; `anchors` may be [batch, anchors, 4] too."""
        limit = tf.minimum(self.limit, tf.shape(scores)[1])
        scores, order = tf.math.top_k(scores, limit, sorted=True)
        deltas = tf.gather(deltas, order, batch_dims=1) * self.std_dev
        best = tf.gather(anchors, order, batch_dims=len(anchors.shape) - 2)
        refined = apply_deltas(best, deltas)
        clipped = clip_boxes(refined, tf.constant([0.0, 0.0, 1.0, 1.0]))
        return Candidates(scores, order, best, refined, clipped)

    def kept(self, boxes: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
        """Return which of one image's `boxes` [candidates, 4] stay, best first: int32 [n]."""
        return tf.image.non_max_suppression(boxes, scores, self.count, self.threshold)

    def _suppress(self, boxes_and_scores: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        boxes, scores = boxes_and_scores
        regions = tf.gather(boxes, self.kept(boxes, scores))
        regions = tf.pad(regions, [[0, self.count - tf.shape(regions)[0]], [0, 0]])
        return tf.ensure_shape(regions, [self.count, 4])
