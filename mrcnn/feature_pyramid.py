"""The feature pyramid over the backbone's maps."""

from __future__ import annotations

import keras
import tensorflow as tf


class FeaturePyramid(keras.layers.Layer):
    """Top-down pathway with lateral connections.

    Args:
        channels: channels of every level.

    Call arguments:
        maps: C2, C3, C4, C5.

    Returns:
        P2, P3, P4, P5, P6: [batch, height / s, width / s, channels], s = 4, 8, 16, 32, 64. P6 is
        P5 subsampled by two and serves the region proposals only.

    Reference: Lin et al., Feature Pyramid Networks for Object Detection, 2016.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(name="feature_pyramid")
        self.lateral = [
            keras.layers.Conv2D(channels, 1, name=f"fpn_c{level}p{level}") for level in (2, 3, 4, 5)
        ]
        self.smooth = [
            keras.layers.Conv2D(channels, 3, padding="same", name=f"fpn_p{level}")
            for level in (2, 3, 4, 5)
        ]
        self.upsample = keras.layers.UpSampling2D(2, name="fpn_upsampled")

    def call(self, maps: list[tf.Tensor]) -> list[tf.Tensor]:
        merged = [self.lateral[3](maps[3])]
        for level in (2, 1, 0):
            merged.insert(0, self.upsample(merged[0]) + self.lateral[level](maps[level]))
        levels = [smooth(x) for smooth, x in zip(self.smooth, merged, strict=True)]
        return [*levels, levels[3][:, ::2, ::2]]
