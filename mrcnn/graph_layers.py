"""Matterport's own Keras layers, with its constructors and calls: lists of tensors in.

What they compute is in `proposals`, `roi_align` and `detection_layer`, which detection uses too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from mrcnn import detection_layer, proposals
from mrcnn.classifier_head import PooledDense
from mrcnn.config import Config
from mrcnn.graph_functions import norm_boxes_graph, parse_image_meta_graph
from mrcnn.roi_align import RoiAlign


class BatchNorm(keras.layers.BatchNormalization):
    """Keras' batch normalization; `training=False` freezes it."""


class ProposalLayer(keras.layers.Layer):
    """Chooses the regions of interest from all anchors.

    Args:
        proposal_count: regions an image.
        nms_threshold: overlap from which the weaker of two regions is dropped.
        config: PRE_NMS_LIMIT and RPN_BBOX_STD_DEV are read.

    Call arguments:
        inputs: scores [batch, anchors, 2], deltas [batch, anchors, 4], anchors of the same shape,
            normalized.

    Returns:
        [batch, proposal_count, 4] normalized, best first, zero-padded.
    """

    def __init__(
        self,
        proposal_count: int,
        nms_threshold: float,
        config: Config | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.choose = proposals.ProposalLayer(config or Config(), proposal_count)
        self.choose.threshold = nms_threshold

    def call(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        scores, deltas, anchors = inputs
        return self.choose(scores[..., 1], deltas, anchors)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (input_shape[0][0], self.choose.count, 4)


class ProposalSteps(keras.layers.Layer):
    """What `ProposalLayer` computes on its way, for notebooks that look at it.

    Call arguments:
        inputs: those of the `ProposalLayer`.

    Returns:
        Of each image's best anchors by score: scores, indices, boxes, refined boxes, clipped boxes;
        and which of the first image's stay: int32 [kept].
    """

    def __init__(self, layer: ProposalLayer) -> None:
        super().__init__(name=f"{layer.name}_steps")
        self.choose = layer.choose

    def call(self, inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        scores, deltas, anchors = inputs
        found = self.choose.candidates(scores[..., 1], deltas, anchors)
        return [*found, self.choose.kept(found.clipped[0], found.scores[0])]


class PyramidROIAlign(keras.layers.Layer):
    """Cuts regions from the level of the pyramid that fits their size.

    Args:
        pool_shape: (height, width) of the crops; both the same.

    Call arguments:
        inputs: boxes [batch, n, 4] normalized, metas [batch, 12 + classes], P2, P3, P4, P5.

    Returns:
        [batch, n, *pool_shape, channels].
    """

    def __init__(self, pool_shape: Sequence[int], **options: Any) -> None:
        super().__init__(**options)
        height, width = pool_shape
        if height != width:
            raise ValueError(f"pool_shape is {list(pool_shape)}; both sides must be the same")
        self.align = RoiAlign(height, name=f"{self.name}_crops")

    def call(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        boxes, metas, *levels = inputs
        shape = tf.shape(boxes)
        image_shape = tf.cast(parse_image_meta_graph(metas)["image_shape"][0], tf.int32)
        owners = tf.repeat(tf.range(shape[0]), shape[1])
        crops = self.align(tf.reshape(boxes, [-1, 4]), owners, image_shape, levels)
        return tf.reshape(crops, [shape[0], shape[1], *crops.shape[1:]])

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        side = self.align.pool_size
        return (*input_shape[0][:2], side, side, input_shape[2][-1])


class DetectionLayer(keras.layers.Layer):
    """Turns classified regions into detections.

    Args:
        config: BBOX_STD_DEV and the settings of detection are read.

    Call arguments:
        inputs: regions [batch, n, 4], probabilities [batch, n, classes], deltas
            [batch, n, classes, 4], metas [batch, 12 + classes].

    Returns:
        [batch, DETECTION_MAX_INSTANCES, 6] y1 x1 y2 x2 class score, normalized, zero-padded.
    """

    def __init__(self, config: Config | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.config = config or Config()
        self.detect = detection_layer.DetectionLayer(self.config)

    def call(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        regions, probabilities, deltas, metas = inputs
        meta = parse_image_meta_graph(metas)
        windows = norm_boxes_graph(meta["window"], meta["image_shape"][0, :2])
        least = tf.constant(self.config.DETECTION_MIN_CONFIDENCE or 0.0, tf.float32)
        return self.detect(regions, probabilities, deltas, windows, least)[0]

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (input_shape[0][0], self.detect.count, 6)


class TimeDistributed(keras.layers.Wrapper):
    """Runs a layer on every region of every image in one go.

    Args:
        layer: takes and gives [regions, ...]; a `PooledDense` gives single pixels here.
        activation: what follows it.

    Call arguments:
        x: [batch, regions, ...].
        training: passed on to a batch normalization.

    Returns:
        [batch, regions, ...].
    """

    def __init__(
        self, layer: keras.layers.Layer, activation: str | None = None, **options: Any
    ) -> None:
        super().__init__(layer, **options)
        self.activation = keras.activations.get(activation)

    def build(self, input_shape: Any) -> None:
        if not self.layer.built:
            self.layer.build((None, *input_shape[2:]))
        self.built = True

    def call(self, x: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        if isinstance(self.layer, keras.layers.BatchNormalization):
            return self._normalize(x, training)
        flat = tf.reshape(x, tf.concat([[-1], tf.shape(x)[2:]], axis=0))
        y = self.layer(tf.ensure_shape(flat, [None, *x.shape[2:]]))
        if isinstance(self.layer, PooledDense):
            y = y[:, None, None]
        y = self.activation(y)
        full = tf.reshape(y, tf.concat([tf.shape(x)[:2], tf.shape(y)[1:]], axis=0))
        return tf.ensure_shape(full, [*x.shape[:2], *y.shape[1:]])

    def _normalize(self, x: tf.Tensor, training: bool | None) -> tf.Tensor:
        """A normalization is the same for any count of axes; it was built for one."""
        axes = self.layer.input_spec.ndim - 1
        rows = tf.reshape(x, tf.concat([[-1], tf.shape(x)[len(x.shape) - axes :]], axis=0))
        rows = tf.ensure_shape(rows, [None, *x.shape[len(x.shape) - axes :]])
        return tf.ensure_shape(
            tf.reshape(self.layer(rows, training=training), tf.shape(x)), x.shape
        )
