"""From class scores of regions to the final detections."""

from __future__ import annotations

import keras
import tensorflow as tf

from mrcnn.boxes import apply_deltas, clip_boxes, iou_matrix
from mrcnn.config import Config


class DetectionLayer(keras.layers.Layer):
    """Refines the regions' boxes, drops weak and overlapping ones, keeps the best.

    Args:
        config: BBOX_STD_DEV, DETECTION_MAX_INSTANCES, DETECTION_NMS_THRESHOLD are read.

    Call arguments:
        regions: [batch, regions, 4] normalized.
        probabilities: [batch, regions, classes].
        deltas: [batch, regions, classes, 4].
        windows: [batch, 4] normalized; the part of each molded image that is not padding.
        min_confidence: scalar; weaker ones are dropped.

    Returns:
        [batch, DETECTION_MAX_INSTANCES, 6] y1 x1 y2 x2 class score, normalized, best first, and
        [batch, DETECTION_MAX_INSTANCES, classes] the probabilities of each; padded with zeros.

    Reference: He et al., Mask R-CNN, 2017; the original project's order of steps.
    """

    def __init__(self, config: Config) -> None:
        super().__init__(name="mrcnn_detection", dtype="float32")
        self.std_dev = tf.constant(config.BBOX_STD_DEV, tf.float32)
        self.count = int(config.DETECTION_MAX_INSTANCES)
        self.threshold = float(config.DETECTION_NMS_THRESHOLD)

    def call(
        self,
        regions: tf.Tensor,
        probabilities: tf.Tensor,
        deltas: tf.Tensor,
        windows: tf.Tensor,
        min_confidence: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        found, told = tf.map_fn(
            lambda image: self._detect(image[0], image[1], image[2], image[3], min_confidence),
            (regions, probabilities, deltas, windows),
            fn_output_signature=(
                tf.TensorSpec([self.count, 6], tf.float32),
                tf.TensorSpec([self.count, probabilities.shape[-1]], tf.float32),
            ),
        )
        return found, told

    def _detect(
        self,
        regions: tf.Tensor,
        probabilities: tf.Tensor,
        deltas: tf.Tensor,
        window: tf.Tensor,
        min_confidence: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        classes = tf.argmax(probabilities, axis=1, output_type=tf.int32)
        scores = tf.reduce_max(probabilities, axis=1)
        deltas = tf.gather(deltas, classes, batch_dims=1) * self.std_dev
        boxes = clip_boxes(apply_deltas(regions, deltas), window)
        strong = tf.where((classes > 0) & (scores >= min_confidence))[:, 0]
        boxes, classes, scores = (tf.gather(x, strong) for x in (boxes, classes, scores))
        kept = tf.sort(self._suppress(boxes, classes, scores))  # ties go to the earlier region
        best = tf.math.top_k(tf.gather(scores, kept), tf.minimum(self.count, tf.size(kept)))
        kept = tf.gather(kept, best.indices)
        columns = [
            tf.gather(boxes, kept),
            tf.cast(tf.gather(classes, kept), tf.float32)[:, None],
            tf.gather(scores, kept)[:, None],
        ]
        told = tf.gather(probabilities, tf.gather(strong, kept))
        return self._padded(tf.concat(columns, axis=1)), self._padded(told)

    def _padded(self, rows: tf.Tensor) -> tf.Tensor:
        padded = tf.pad(rows, [[0, self.count - tf.shape(rows)[0]], [0, 0]])
        return tf.ensure_shape(padded, [self.count, rows.shape[1]])

    def _suppress(self, boxes: tf.Tensor, classes: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
        """Suppress within each class: overlaps between classes count as none."""
        same_class = tf.equal(classes[:, None], classes[None])
        overlaps = tf.where(same_class, iou_matrix(boxes, boxes), 0.0)
        return tf.image.non_max_suppression_overlaps(
            overlaps, scores, self.count, overlap_threshold=self.threshold
        )
