"""Convolutions of pictures whose channels come before the rows.

Keras 3.15 adds a bias along the rows in place of the channels where there are as many columns as
channels: `keras.ops.add` takes it for channels last. These add it where it belongs.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class _BiasOnChannels:
    """Runs a convolution, and adds its bias along the second axis."""

    activation: Any
    bias: Any

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return float [batch, filters, rows, columns]."""
        return self.activation(tf.nn.bias_add(self.convolved(inputs), self.bias, "NCHW"))

    def convolved(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return the convolution without bias and activation; each layer has its own."""
        raise NotImplementedError


class FirstConv2D(_BiasOnChannels, keras.layers.Conv2D):
    """A `Conv2D` with a bias."""

    def convolved(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return the convolution without bias and activation."""
        return self.convolution_op(inputs, self.kernel)


class FirstDepthwiseConv2D(_BiasOnChannels, keras.layers.DepthwiseConv2D):
    """A `DepthwiseConv2D` with a bias."""

    def convolved(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return the convolution without bias and activation."""
        return keras.ops.depthwise_conv(
            inputs,
            self.kernel,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )


class FirstSeparableConv2D(_BiasOnChannels, keras.layers.SeparableConv2D):
    """A `SeparableConv2D` with a bias."""

    def convolved(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return the convolution without bias and activation."""
        return keras.ops.separable_conv(
            inputs,
            self.depthwise_kernel,
            self.pointwise_kernel,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )


class FirstConv2DTranspose(_BiasOnChannels, keras.layers.Conv2DTranspose):
    """A `Conv2DTranspose` with a bias."""

    def convolved(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return the convolution without bias and activation."""
        return keras.ops.conv_transpose(
            inputs,
            self.kernel,
            strides=list(self.strides),
            padding=self.padding,
            output_padding=self.output_padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )


CHANNELS_FIRST = {
    kind.__name__: kind
    for kind in (FirstConv2D, FirstDepthwiseConv2D, FirstSeparableConv2D, FirstConv2DTranspose)
}
# A .keras archive finds a layer's numbers by the name of its class.
for _kind in CHANNELS_FIRST.values():
    _kind.__name__ = _kind.__name__.removeprefix("First")
