"""The head that draws a mask for each region and class."""

from __future__ import annotations

import keras
import tensorflow as tf

from mrcnn.conv_norm import ConvNorm


class MaskHead(keras.layers.Layer):
    """Four convolutions, a doubling transposed one, and a map a class.

    Args:
        channels: channels of the hidden layers.
        num_classes: background included.
        folded: see `ConvNorm`.

    Call arguments:
        pooled: [regions, pool, pool, channels].
        training: see `ConvNorm`.

    Returns:
        logits [regions, 2 * pool, 2 * pool, num_classes].

    Reference: He et al., Mask R-CNN, 2017, figure 4, right.
    """

    def __init__(self, channels: int, num_classes: int, *, folded: bool = False) -> None:
        super().__init__(name="mask_head")
        self.hidden = [
            ConvNorm(
                channels,
                3,
                conv_name=f"mrcnn_mask_conv{i}",
                norm_name=f"mrcnn_mask_bn{i}",
                folded=folded,
            )
            for i in (1, 2, 3, 4)
        ]
        self.double = keras.layers.Conv2DTranspose(
            channels, 2, strides=2, activation="relu", name="mrcnn_mask_deconv"
        )
        self.logits = keras.layers.Conv2D(num_classes, 1, name="mrcnn_mask")

    def call(self, pooled: tf.Tensor, training: bool = False) -> tf.Tensor:
        x = pooled
        for layer in self.hidden:
            x = layer(x, training=training)
        return self.logits(self.double(x))
