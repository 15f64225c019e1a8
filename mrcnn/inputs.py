"""Matterport's functions around a network's input, which scripts reach as `mrcnn.model.<name>`.

Each takes a `Config` where this project's own modules take the single settings.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mrcnn import molding
from mrcnn.anchors import pyramid_shapes
from mrcnn.config import Config
from mrcnn.dataset import Dataset
from mrcnn.overlaps import extract_bboxes
from mrcnn.utils import minimize_mask, resize_image, resize_mask

__all__ = [
    "compose_image_meta",
    "compute_backbone_shapes",
    "load_image_gt",
    "log",
    "mold_image",
    "parse_image_meta",
    "unmold_image",
]

Array = NDArray[Any]


def log(text: str, array: Array | None = None) -> None:
    """Print `text`, and of an array its shape, extremes and type."""
    if array is None:
        print(text)
        return
    extremes = f"{array.min():10.5f} to {array.max():10.5f}" if array.size else "empty"
    print(f"{text:24} {array.shape!s:22} {extremes:26} {array.dtype}")


def mold_image(images: Array, config: Config) -> NDArray[np.float32]:
    """Subtract the mean colour; `unmold_image` undoes it."""
    return molding.subtract_mean(images, config.MEAN_PIXEL)


def unmold_image(normalized_images: Array, config: Config) -> NDArray[np.uint8]:
    """Add the mean colour again: uint8."""
    return np.around(normalized_images + np.asarray(config.MEAN_PIXEL)).astype(np.uint8)


def compose_image_meta(
    image_id: int,
    original_image_shape: Sequence[int],
    image_shape: Sequence[int],
    window: Sequence[int],
    scale: float,
    active_class_ids: Sequence[int] | Array,
) -> NDArray[np.float64]:
    """Lay out as one vector what `parse_image_meta` takes apart."""
    return molding.compose_image_meta(
        image_id=image_id,
        original_shape=original_image_shape,
        molded_shape=image_shape,
        window=window,
        scale=scale,
        active_class_ids=list(active_class_ids),
    )


def parse_image_meta(meta: Array) -> dict[str, Array]:
    """Take metas [batch, 12 + classes] apart into the parts of `compose_image_meta`, by name."""
    return molding.parse_image_meta(meta)


def compute_backbone_shapes(config: Config, image_shape: Sequence[int]) -> NDArray[np.int_]:
    """Return the (height, width) of each pyramid level for a molded image: [levels, 2]."""
    return np.array(pyramid_shapes(image_shape, config.BACKBONE_STRIDES))


def load_image_gt(
    dataset: Dataset,
    config: Config,
    image_id: int,
    augment: bool = False,
    augmentation: Any = None,
    use_mini_mask: bool = False,
) -> tuple[Array, Array, Array, Array, Array]:
    """Return a picture of a dataset in the network's frame, with what is known of it.

    That is: image uint8 [h, w, 3], meta, class ids [n], boxes [n, 4] and masks [h, w, n], or
    [*MINI_MASK_SHAPE, n]. Instances that resizing leaves without a pixel are dropped. With
    `augment` every second picture is mirrored. Raises NotImplementedError for an `augmentation`.
    """
    if augmentation is not None:
        raise NotImplementedError("augmentation is not known here; augment the picture yourself")
    image = dataset.load_image(image_id)
    masks, class_ids = dataset.load_mask(image_id)
    original_shape = image.shape
    image, window, scale, padding, crop = resize_image(
        image,
        min_dim=config.IMAGE_MIN_DIM,
        max_dim=config.IMAGE_MAX_DIM,
        min_scale=config.IMAGE_MIN_SCALE,
        mode=config.IMAGE_RESIZE_MODE,
    )
    masks = resize_mask(masks, scale, padding, crop)
    if augment and random.random() < 0.5:
        image, masks = np.fliplr(image), np.fliplr(masks)
    visible = masks.any(axis=(0, 1))
    masks, class_ids = masks[..., visible], class_ids[visible]
    boxes = extract_bboxes(masks)
    active = np.zeros(dataset.num_classes, np.int32)
    active[dataset.source_class_ids[dataset.image_info[image_id]["source"]]] = 1
    if use_mini_mask:
        masks = minimize_mask(boxes, masks, config.MINI_MASK_SHAPE)
    meta = compose_image_meta(image_id, original_shape, image.shape, window, scale, active)
    return image, meta, class_ids, boxes, masks
