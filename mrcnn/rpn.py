"""The region proposal network's head, shared by all pyramid levels."""

from __future__ import annotations

import keras
import tensorflow as tf


class RegionProposalHead(keras.layers.Layer):
    """Says for each anchor how likely it holds an object, and how to shift it.

    Args:
        channels: channels of the shared 3x3 convolution.
        anchors_per_location: number of anchor ratios.
        anchor_stride: cells between two locations that carry anchors.

    Call arguments:
        levels: P2 to P6.

    Returns:
        logits [batch, anchors, 2] (background, object) and deltas [batch, anchors, 4] (dy, dx,
        log dh, log dw, in units of the box standard deviation), all levels one after the other.

    Reference: Ren et al., Faster R-CNN, 2015, section 3.1.
    """

    def __init__(self, channels: int, anchors_per_location: int, anchor_stride: int = 1) -> None:
        super().__init__(name="rpn_model")
        self.shared = keras.layers.Conv2D(
            channels,
            3,
            strides=anchor_stride,
            padding="same",
            activation="relu",
            name="rpn_conv_shared",
        )
        self.classes = keras.layers.Conv2D(2 * anchors_per_location, 1, name="rpn_class_raw")
        self.deltas = keras.layers.Conv2D(4 * anchors_per_location, 1, name="rpn_bbox_pred")

    def call(self, levels: list[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        logits, deltas = [], []
        for level in levels:
            x = self.shared(level)
            batch = tf.shape(level)[0]
            logits.append(tf.reshape(self.classes(x), [batch, -1, 2]))
            deltas.append(tf.reshape(self.deltas(x), [batch, -1, 4]))
        return tf.concat(logits, axis=1), tf.concat(deltas, axis=1)
