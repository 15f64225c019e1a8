"""Labelled pictures and how they are put together for a step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np

from mrcnn.config import Config, channels_of
from mrcnn.molding import check_channels, mold_image, resize_bilinear


@dataclass(frozen=True)
class Example:
    """One labelled picture.

    image: uint8 [h, w, channels], RGB where these are three.
    class_ids: int32 [n], from 1.
    masks: bool [h, w, n].
    """

    image: np.ndarray
    class_ids: np.ndarray
    masks: np.ndarray


class Batch(NamedTuple):
    """Molded pictures of one size with their instances, padded to one count."""

    pixels: np.ndarray  # uint8 [batch, height, width, channels]
    class_ids: np.ndarray  # int32 [batch, instances], 0 is padding
    boxes: np.ndarray  # float32 [batch, instances, 4] y1 x1 y2 x2 pixels, y2 and x2 exclusive
    masks: np.ndarray  # uint8 [batch, instances, height, width], 0 or 1


def boxes_of(masks: np.ndarray) -> np.ndarray:
    """The tight boxes of `masks` [n, h, w]: int32 [n, 4] y1 x1 y2 x2, ends exclusive."""
    boxes = np.zeros((len(masks), 4), np.int32)
    for index, mask in enumerate(masks):
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if rows.size:
            boxes[index] = rows[0], columns[0], rows[-1] + 1, columns[-1] + 1
    return boxes


def mold_example(example: Example, config: Config) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Resize and pad an example: pixels [H, W, channels], class ids [n], masks [n, H, W] uint8.

    Instances that resizing leaves without a pixel are dropped.
    """
    check_channels(example.image, channels_of(config))
    molded = mold_image(
        example.image,
        mode=config.IMAGE_RESIZE_MODE,
        min_dim=config.IMAGE_MIN_DIM,
        max_dim=config.IMAGE_MAX_DIM,
        min_scale=config.IMAGE_MIN_SCALE,
    )
    y1, x1, y2, x2 = molded.window
    masks = np.zeros((len(example.class_ids), *molded.pixels.shape[:2]), np.uint8)
    for index in range(len(masks)):
        mask = example.masks[..., index]
        if mask.shape != (y2 - y1, x2 - x1):
            mask = resize_bilinear(mask.astype(np.float64), (y2 - y1, x2 - x1)) >= 0.5
        masks[index, y1:y2, x1:x2] = mask
    visible = masks.any(axis=(1, 2))
    return molded.pixels, example.class_ids[visible], masks[visible]


def batch_of(examples: Sequence[Example], config: Config) -> Batch:
    """Mold `examples`, which must come out in one size, and pad them to MAX_GT_INSTANCES."""
    count = int(config.MAX_GT_INSTANCES)
    molded = [mold_example(example, config) for example in examples]
    height, width = molded[0][0].shape[:2]
    batch = Batch(
        np.stack([pixels for pixels, _, _ in molded]),
        np.zeros((len(molded), count), np.int32),
        np.zeros((len(molded), count, 4), np.float32),
        np.zeros((len(molded), count, height, width), np.uint8),
    )
    for index, (_, class_ids, masks) in enumerate(molded):
        n = min(count, len(class_ids))
        batch.class_ids[index, :n] = class_ids[:n]
        batch.boxes[index, :n] = boxes_of(masks[:n])
        batch.masks[index, :n] = masks[:n]
    return batch


def batches(examples: Iterable[Example], config: Config, size: int) -> Iterator[Batch]:
    """Group `examples` into batches of `size`; a last incomplete one is left out."""
    iterator = iter(examples)
    while len(group := list(islice(iterator, size))) == size:
        yield batch_of(group, config)
