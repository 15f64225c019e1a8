"""The demo's first stage: backbone and pyramid learn to name the shape under each pixel.

Starting from nothing, a detector's class head learns slowly: a step shows it some two hundred
objects, through features that mean nothing yet. Naming pixels trains those features with every
pixel of every object, at a quarter of the work a picture, and needs no proposals.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from mrcnn.network import MaskRCNNNetwork
from mrcnn.roi_align import RoiAlign
from mrcnn.training.examples import Batch
from mrcnn.training.losses import mean_or_zero
from mrcnn.training.trainer import Trainer

LEVELS = (2, 3, 4, 5)


class PixelTrainer(Trainer):
    """Trains backbone and pyramid under one linear layer, which is thrown away afterwards.

    Each object is named on the pyramid level that `RoiAlign` will cut it from.
    """

    loss_names = ("object_pixels_loss", "background_pixels_loss")

    def __init__(
        self, network: MaskRCNNNetwork, optimizer: keras.optimizers.Optimizer, batch_size: int
    ) -> None:
        a = network.architecture
        self.head = keras.layers.Dense(a.num_classes, name="pixel_class")
        self.head.build((None, a.pyramid_channels))
        super().__init__(network, optimizer, batch_size)

    @property
    def variables(self) -> list[keras.Variable]:
        """The backbone's, the pyramid's and the linear layer's."""
        parts = (self.network.backbone, self.network.pyramid, self.head)
        return [variable for part in parts for variable in part.trainable_variables]

    def losses_of(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Cross-entropy of the pixels with and without an object, each a mean."""
        _, levels = self.network.pyramid_of(self.network.mold(batch.pixels), training=True)
        height, width = int(batch.pixels.shape[1]), int(batch.pixels.shape[2])
        size = tf.constant([height, width] * 2, tf.float32)
        level_of_box = RoiAlign.level_of(batch.boxes / size, tf.constant([height, width]))
        labels, logits = [], []
        for level, feature_map in zip(LEVELS, levels, strict=False):
            stride = 2**level
            cells = tf.cast(batch.masks[:, :, ::stride, ::stride], tf.int32)
            named = tf.where(level_of_box == level, batch.class_ids, 0)[..., None, None]
            labels.append(tf.reshape(tf.reduce_max(cells * named, axis=1), [-1]))
            logits.append(tf.reshape(self.head(feature_map), [-1, self.head.units]))
        label, logit = tf.concat(labels, 0), tf.concat(logits, 0)
        values = tf.nn.sparse_softmax_cross_entropy_with_logits(label, logit)
        return {
            "object_pixels_loss": mean_or_zero(tf.boolean_mask(values, label > 0)),
            "background_pixels_loss": mean_or_zero(tf.boolean_mask(values, label == 0)),
        }
