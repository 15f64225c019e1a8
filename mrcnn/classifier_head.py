"""The head that names a region and refines its box."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from mrcnn.weights import EPSILON


class PooledDense(keras.layers.Layer):
    """A valid convolution over a whole crop, computed as one matrix product.

    The kernel keeps the convolution's shape, so that weight files fit; the product of 1,000
    regions with a 7x7 kernel takes half the time of the convolution on a CPU.

    Args:
        units: output features.
        name: name of the convolution in weight files.
        initializer: of the kernel.

    Call arguments:
        x: [regions, side, side, channels].

    Returns:
        [regions, units].
    """

    def __init__(self, units: int, *, name: str, initializer: str = "he_normal") -> None:
        super().__init__(name=name)
        self.units, self.initializer = units, initializer

    def build(self, input_shape: Any) -> None:
        side_y, side_x, channels = (int(n) for n in input_shape[1:])
        self.kernel = self.add_weight(
            shape=(side_y, side_x, channels, self.units),
            initializer=self.initializer,
            name="kernel",
        )
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        flat = self.kernel.shape[0] * self.kernel.shape[1] * self.kernel.shape[2]
        x = tf.reshape(x, [-1, flat])
        kernel = tf.reshape(tf.cast(self.kernel, x.dtype), [flat, self.units])
        return tf.nn.bias_add(tf.matmul(x, kernel), tf.cast(self.bias, x.dtype))


class ClassifierHead(keras.layers.Layer):
    """Class scores and class-wise box deltas of each region.

    Args:
        units: features of the two hidden layers.
        num_classes: background included.
        folded: see `ConvNorm`.

    Call arguments:
        pooled: [regions, pool, pool, channels].
        training: see `ConvNorm`.

    Returns:
        logits [regions, num_classes] and deltas [regions, num_classes, 4].

    Reference: He et al., Mask R-CNN, 2017, figure 4, right.
    """

    def __init__(self, units: int, num_classes: int, *, folded: bool = False) -> None:
        super().__init__(name="classifier_head")
        self.num_classes = num_classes
        initializer = "zeros" if folded else "he_normal"  # see `ConvNorm`
        self.hidden = [
            PooledDense(units, name=f"mrcnn_class_conv{i}", initializer=initializer) for i in (1, 2)
        ]
        self.norms = (
            []
            if folded
            else [
                keras.layers.BatchNormalization(epsilon=EPSILON, name=f"mrcnn_class_bn{i}")
                for i in (1, 2)
            ]
        )
        self.logits = keras.layers.Dense(num_classes, name="mrcnn_class_logits")
        self.deltas = keras.layers.Dense(4 * num_classes, name="mrcnn_bbox_fc")

    def call(self, pooled: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        x = pooled
        for index, layer in enumerate(self.hidden):
            x = layer(x)
            if self.norms:
                x = self.norms[index](x, training=training)
            x = tf.nn.relu(x)[:, None, None]
        x = x[:, 0, 0]
        return self.logits(x), tf.reshape(self.deltas(x), [-1, self.num_classes, 4])
