"""Crops of the pyramid, one fixed size for regions of any size."""

from __future__ import annotations

import keras
import tensorflow as tf

#: Lower and right sides are pulled in by this much before cropping. At exactly 1.0, one unit in
#: the last place decides whether the last row of samples falls outside of the map and becomes 0.
INSIDE = 1.0 - 5e-7


class RoiAlign(keras.layers.Layer):
    """Samples each region from the pyramid level that fits its size, one sample a bin.

    Args:
        pool_size: side of the crops.

    Call arguments:
        regions: [regions, 4] normalized y1 x1 y2 x2.
        image_indices: [regions] int32, the image of the batch that each region lies in.
        image_shape: (height, width) in pixels of the molded images.
        levels: P2, P3, P4, P5.

    Returns:
        [regions, pool_size, pool_size, channels] in the order of `regions`.

    Reference: He et al., Mask R-CNN, 2017, section 3; Lin et al., Feature Pyramid Networks,
    2016, equation 1.
    """

    def __init__(self, pool_size: int, *, name: str) -> None:
        super().__init__(name=name)
        self.pool_size = pool_size

    def call(
        self,
        regions: tf.Tensor,
        image_indices: tf.Tensor,
        image_shape: tf.Tensor,
        levels: list[tf.Tensor],
    ) -> tf.Tensor:
        # A network that overflows gives NaN; sampled at such a place, memory is read at random.
        regions = tf.where(tf.math.is_nan(regions), 0.0, regions)
        level_of_region = self.level_of(regions, image_shape)
        boxes = tf.stop_gradient(tf.minimum(regions, INSIDE))
        crops, order = [], []
        for index, feature_map in enumerate(levels):
            members = tf.where(tf.equal(level_of_region, index + 2))[:, 0]
            crops.append(
                tf.image.crop_and_resize(
                    feature_map,
                    tf.gather(boxes, members),
                    tf.gather(image_indices, members),
                    [self.pool_size, self.pool_size],
                )
            )
            order.append(members)
        pooled = tf.gather(tf.concat(crops, axis=0), tf.argsort(tf.concat(order, axis=0)))
        size = self.pool_size
        return tf.ensure_shape(pooled, [None, size, size, levels[0].shape[-1]])

    @staticmethod
    def level_of(regions: tf.Tensor, image_shape: tf.Tensor) -> tf.Tensor:
        """The pyramid level, 2 to 5, of each region: a region of 224² pixels is cut from P4."""
        y1, x1, y2, x2 = tf.unstack(regions, axis=-1)
        area = tf.cast(image_shape[0] * image_shape[1], tf.float32)
        relative = tf.sqrt((y2 - y1) * (x2 - x1)) / (224.0 / tf.sqrt(area))
        level = 4.0 + tf.round(tf.math.log(relative) / tf.math.log(2.0))
        return tf.cast(tf.clip_by_value(level, 2.0, 5.0), tf.int32)
