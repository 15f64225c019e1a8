"""The demo's first stage: the backbone learns to name shapes cut out of scenes.

Starting from nothing, a detector's class head learns slowly: a step shows it some sixty objects,
through features that mean nothing yet. Cut out, ten times as many objects cost the same work.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import count, cycle
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from mrcnn.demo.scenes import Scene, make_scene
from mrcnn.network import MaskRCNNNetwork
from mrcnn.training.examples import boxes_of
from mrcnn.training.trainer import Trainer

#: Side of the crops of a step and how many of them, in turn: about the same work each.
CROPS = ((48, 160), (96, 64), (160, 24))
#: Each scene's objects are cut out this many times, each time turned and framed anew.
CUTS = 2
#: The frame's side, in sides of the object's box; its centre moves by up to this share.
FRAME, SHIFT = (1.1, 1.8), 0.12

CropBatch = tuple[np.ndarray, np.ndarray]


def crop_batches(first_seed: int, side: int) -> Iterator[CropBatch]:
    """Yield (uint8 [n, s, s, 3] crops, int32 [n] class ids) of ever new scenes."""
    rng = random.Random(first_seed)
    objects = _objects(first_seed, side, rng)
    for crop_side, batch_size in cycle(CROPS):
        chosen = [next(objects) for _ in range(batch_size)]
        crops = np.stack([_cut(*item[:2], crop_side, rng) for item in chosen])
        yield crops, np.array([item[2] for item in chosen], np.int32)


def _objects(
    first_seed: int, side: int, rng: random.Random
) -> Iterator[tuple[Image.Image, np.ndarray, int]]:
    """Yield (padded scene, box in it, class id), shuffled over a few dozen scenes."""
    for start in count(first_seed, 24):
        pool = [
            item for seed in range(start, start + 24) for item in _of_scene(make_scene(seed, side))
        ]
        for _ in range(CUTS):
            rng.shuffle(pool)
            yield from pool


def _of_scene(scene: Scene) -> list[tuple[Image.Image, np.ndarray, int]]:
    margin = scene.image.shape[0]  # no frame reaches further out
    padded = Image.fromarray(np.pad(scene.image, ((margin, margin), (margin, margin), (0, 0))))
    boxes = boxes_of(np.moveaxis(scene.masks, 2, 0)) + margin
    return [(padded, box, int(c)) for box, c in zip(boxes, scene.class_ids, strict=True)]


def _cut(picture: Image.Image, box: np.ndarray, side: int, rng: random.Random) -> np.ndarray:
    """Cut a square around a box, turned by quarters and mirrored at random."""
    y1, x1, y2, x2 = (float(v) for v in box)
    extent = max(y2 - y1, x2 - x1)
    half = extent * rng.uniform(*FRAME) / 2
    y = (y1 + y2) / 2 + rng.uniform(-SHIFT, SHIFT) * extent
    x = (x1 + x2) / 2 + rng.uniform(-SHIFT, SHIFT) * extent
    frame = (x - half, y - half, x + half, y + half)
    crop = np.rot90(
        np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR, box=frame)),
        rng.randrange(4),
    )
    return crop[:, ::-1] if rng.random() < 0.5 else crop


class CropTrainer(Trainer):
    """Trains the backbone under linear layers on the means of C3, C4 and C5.

    The layers are thrown away afterwards. Three of them, because small objects are named from the
    finer maps.
    """

    loss_names = ("c3_loss", "c4_loss", "c5_loss")

    def __init__(
        self, network: MaskRCNNNetwork, optimizer: keras.optimizers.Optimizer, batch_size: int
    ) -> None:
        classes = network.architecture.num_classes
        self.heads = [keras.layers.Dense(classes, name=name) for name in self.loss_names]
        for head, channels in zip(
            self.heads, network.architecture.backbone_spec.channels[1:], strict=True
        ):
            head.build((None, channels))
        super().__init__(network, optimizer, batch_size)

    @property
    def variables(self) -> list[keras.Variable]:
        """The backbone's and the linear layers'."""
        parts = (self.network.backbone, *self.heads)
        return [variable for part in parts for variable in part.trainable_variables]

    def dataset(self, examples: Iterator[Any]) -> tf.data.Dataset:
        """The batches as they come."""
        signature = (
            tf.TensorSpec([None, None, None, 3], tf.uint8),
            tf.TensorSpec([None], tf.int32),
        )
        return tf.data.Dataset.from_generator(
            lambda: examples, output_signature=signature
        ).prefetch(4)

    def losses_of(self, batch: tuple[tf.Tensor, ...]) -> dict[str, tf.Tensor]:
        """Cross-entropy of the crops under each of the linear layers."""
        pixels, class_ids = batch
        maps = self.network.backbone(self.network.mold(pixels), training=True)
        return {
            name: tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(
                    class_ids, head(tf.reduce_mean(feature_map, axis=[1, 2]))
                )
            )
            for name, head, feature_map in zip(self.loss_names, self.heads, maps[1:], strict=True)
        }
