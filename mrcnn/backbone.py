"""The residual backbone, with Matterport's layer names."""

from __future__ import annotations

import string

import keras
import tensorflow as tf

from mrcnn.architecture import BackboneSpec
from mrcnn.conv_norm import ConvNorm


class Bottleneck(keras.layers.Layer):
    """One residual block: 1x1, 3x3, 1x1 and a shortcut; the stride sits on the first 1x1.

    Args:
        width: channels of the inner convolutions; the block gives four times as many.
        stage: 2 to 5.
        letter: place of the block in its stage; "a" has a convolution on its shortcut.
        strides: stride of the block.
        folded: see `ConvNorm`.

    Call arguments:
        x: [batch, height, width, channels].
        training: see `ConvNorm`.

    Returns:
        [batch, height / strides, width / strides, 4 * width].
    """

    def __init__(self, width: int, *, stage: int, letter: str, strides: int, folded: bool) -> None:
        super().__init__(name=f"res{stage}{letter}_block")

        def part(branch: str, filters: int, kernel: int, strides: int, relu: bool) -> ConvNorm:
            return ConvNorm(
                filters,
                kernel,
                conv_name=f"res{stage}{letter}_branch{branch}",
                norm_name=f"bn{stage}{letter}_branch{branch}",
                strides=strides,
                relu=relu,
                folded=folded,
            )

        self.reduce = part("2a", width, 1, strides, relu=True)
        self.middle = part("2b", width, 3, 1, relu=True)
        self.expand = part("2c", 4 * width, 1, 1, relu=False)
        self.shortcut = part("1", 4 * width, 1, strides, relu=False) if letter == "a" else None

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        y = self.reduce(x, training=training)
        y = self.middle(y, training=training)
        y = self.expand(y, training=training)
        if self.shortcut is not None:
            x = self.shortcut(x, training=training)
        return tf.nn.relu(x + y)


class Backbone(keras.layers.Layer):
    """The residual network up to C5.

    Args:
        spec: blocks and widths.
        folded: see `ConvNorm`.

    Call arguments:
        images: [batch, height, width, channels], mean subtracted; sides are multiples of 64.
        training: see `ConvNorm`.

    Returns:
        C2, C3, C4, C5: [batch, height / s, width / s, channels], s = 4, 8, 16, 32.

    Reference: He et al., Deep Residual Learning for Image Recognition, 2015.
    """

    def __init__(self, spec: BackboneSpec, *, folded: bool = False) -> None:
        super().__init__(name="backbone")
        self.stem = ConvNorm(
            spec.stem,
            7,
            conv_name="conv1",
            norm_name="bn_conv1",
            strides=2,
            padding="valid",
            folded=folded,
        )
        self.stages = [
            [
                Bottleneck(
                    width,
                    stage=stage,
                    letter=letter,
                    strides=2 if letter == "a" and stage > 2 else 1,
                    folded=folded,
                )
                for letter in string.ascii_lowercase[:count]
            ]
            for stage, (count, width) in enumerate(zip(spec.blocks, spec.widths, strict=True), 2)
        ]

    def call(self, images: tf.Tensor, training: bool = False) -> list[tf.Tensor]:
        x = tf.pad(images, [[0, 0], [3, 3], [3, 3], [0, 0]])
        x = self.stem(x, training=training)
        x = tf.nn.max_pool2d(x, 3, 2, "SAME")
        maps = []
        for blocks in self.stages:
            for block in blocks:
                x = block(x, training=training)
            maps.append(x)
        return maps
