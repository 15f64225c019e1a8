"""A convolution with the batch normalization behind it, the brick of backbone and heads."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from mrcnn.weights import EPSILON


class ConvNorm(keras.layers.Layer):
    """A convolution, its batch normalization and, if wanted, a ReLU.

    With `folded` there is no normalization layer: the loader has multiplied it into the
    convolution's kernel and bias, which gives the same output in one operation.

    Args:
        filters: output channels.
        kernel_size: side of the kernel.
        conv_name: name of the convolution in weight files.
        norm_name: name of the normalization in weight files.
        strides: stride in both directions.
        padding: "same" or "valid".
        relu: whether a ReLU follows.
        folded: whether the normalization is part of the convolution.

    Call arguments:
        x: [batch, height, width, channels].
        training: whether batch statistics are used (and the moving ones updated).

    Returns:
        [batch, height / strides, width / strides, filters].

    Reference: Ioffe and Szegedy, Batch Normalization, 2015.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        *,
        conv_name: str,
        norm_name: str,
        strides: int = 1,
        padding: str = "same",
        relu: bool = True,
        folded: bool = False,
    ) -> None:
        super().__init__(name=f"{conv_name}_norm")
        self.relu = relu
        self.conv = keras.layers.Conv2D(
            filters,
            kernel_size,
            strides=strides,
            padding=padding,
            # A folded one is filled from a file; 60 million random numbers would take seconds.
            kernel_initializer="zeros" if folded else "he_normal",
            name=conv_name,
        )
        self.norm = (
            None
            if folded
            else keras.layers.BatchNormalization(epsilon=EPSILON, momentum=0.99, name=norm_name)
        )

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        x = self.conv(x)
        if self.norm is not None:
            x = self.norm(x, training=training)
        return tf.nn.relu(x) if self.relu else x

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self.conv.compute_output_shape(input_shape)
