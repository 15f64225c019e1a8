"""Matterport's `mrcnn.utils`: public names, signatures and results, for the scripts that use it.

The name is theirs, and the only reason for this module. What a name does lives in the module named
for it; here are the pieces that have no other user.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mrcnn import anchors, molding, old_imports
from mrcnn.dataset import Dataset
from mrcnn.masks import paste
from mrcnn.metrics import (
    compute_ap,
    compute_ap_range,
    compute_matches,
    compute_recall,
    trim_zeros,
)
from mrcnn.overlaps import (
    apply_box_deltas,
    box_refinement,
    compute_iou,
    compute_overlaps,
    compute_overlaps_masks,
    extract_bboxes,
    non_max_suppression,
)

__all__ = [
    *old_imports.UTILS,
    "COCO_MODEL_URL",
    "Dataset",
    "apply_box_deltas",
    "batch_slice",
    "box_refinement",
    "box_refinement_graph",
    "compute_ap",
    "compute_ap_range",
    "compute_iou",
    "compute_matches",
    "compute_overlaps",
    "compute_overlaps_masks",
    "compute_recall",
    "denorm_boxes",
    "download_trained_weights",
    "expand_mask",
    "extract_bboxes",
    "generate_anchors",
    "generate_pyramid_anchors",
    "minimize_mask",
    "mold_mask",
    "non_max_suppression",
    "norm_boxes",
    "resize",
    "resize_image",
    "resize_mask",
    "trim_zeros",
    "unmold_mask",
]

COCO_MODEL_URL = "https://github.com/matterport/Mask_RCNN/releases/download/v2.0/mask_rcnn_coco.h5"

Array = NDArray[Any]

if not TYPE_CHECKING:
    __getattr__ = old_imports.importer(__name__, old_imports.UTILS)


def resize(
    image: Array,
    output_shape: Sequence[int],
    order: int = 1,
    mode: str = "constant",
    cval: float = 0,
    clip: bool = True,
    preserve_range: bool = False,
    anti_aliasing: bool = False,
    anti_aliasing_sigma: float | None = None,
) -> Array:
    """Resize [h, w] or [h, w, channels] as scikit-image does with these very defaults.

    Bytes become 0..1 unless `preserve_range`; float32 stays float32. Raises ValueError for any
    other way of resizing: then call scikit-image itself.
    """
    if (order, mode, cval, clip, anti_aliasing) != (1, "constant", 0, True, False):
        raise ValueError("only order=1, mode='constant', cval=0, clip=True are known here")
    if image.dtype.kind in "iu" and not preserve_range:
        if image.dtype != np.uint8:
            raise ValueError(f"the range of {image.dtype} is not known here; set preserve_range")
        image = np.multiply(image, 1 / 255, dtype=np.float64)
    dtype = np.float32 if image.dtype in (np.float16, np.float32) else np.float64
    size = (int(output_shape[0]), int(output_shape[1]))
    return molding.resize_bilinear(image.astype(dtype), size).astype(dtype)


def resize_image(
    image: Array,
    min_dim: int | None = None,
    max_dim: int | None = None,
    min_scale: float | None = None,
    mode: str = "square",
) -> tuple[Array, tuple[int, ...], float, Any, tuple[int, ...] | None]:
    """Return (image, window, scale, padding, crop) as `mrcnn.molding.fit_image` has them.

    In mode "crop" the place follows the state of Python's `random`.
    """
    molded = molding.fit_image(
        image,
        mode=mode,
        min_dim=min_dim,
        max_dim=max_dim,
        min_scale=min_scale,
        rng=np.random.default_rng(random.getrandbits(64)) if mode == "crop" else None,
    )
    return molded.pixels, molded.window, molded.scale, list(molded.padding), molded.crop


def resize_mask(
    mask: Array, scale: float, padding: Any, crop: Sequence[int] | None = None
) -> Array:
    """Bring masks [h, w, n] to the frame that `resize_image` brought their picture to.

    The nearest value is taken with the corners of both frames on each other, as the original did.
    """
    rows, columns = (_nearest(length, round(length * scale)) for length in mask.shape[:2])
    resized: Array = mask[rows][:, columns]
    if crop is not None:
        top, left, height, width = crop
        return resized[top : top + height, left : left + width]
    return np.pad(resized, padding)


def minimize_mask(bbox: Array, mask: Array, mini_shape: Sequence[int]) -> NDArray[np.bool_]:
    """Cut each mask [h, w, n] to its box and shrink it to `mini_shape`: bool [*mini_shape, n].

    Raises ValueError for a box without area.
    """
    mini_masks = np.zeros((*mini_shape[:2], mask.shape[-1]), bool)
    for index, (top, left, bottom, right) in enumerate(bbox[:, :4].astype(int)):
        part = mask[top:bottom, left:right, index].astype(bool)
        if part.size == 0:
            raise ValueError(f"mask {index} has a box without area")
        mini_masks[..., index] = np.around(resize(part, mini_shape)).astype(bool)
    return mini_masks


def expand_mask(bbox: Array, mini_mask: Array, image_shape: Sequence[int]) -> NDArray[np.bool_]:
    """Undo `minimize_mask` as far as that is possible: bool [h, w, n]."""
    masks = np.zeros((*image_shape[:2], mini_mask.shape[-1]), bool)
    for index, (top, left, bottom, right) in enumerate(bbox[:, :4].astype(int)):
        resized = resize(mini_mask[..., index].astype(float), (bottom - top, right - left))
        masks[top:bottom, left:right, index] = np.around(resized).astype(bool)
    return masks


def mold_mask(mask: Array, config: Any) -> None:
    """Do nothing, as the original's did."""


def unmold_mask(mask: Array, bbox: Sequence[int], image_shape: Sequence[int]) -> Array:
    """Paste a small mask of probabilities into a picture's frame: bool [h, w]."""
    top, left, bottom, right = (int(side) for side in bbox)
    full = np.zeros(image_shape[:2], bool)
    full[top:bottom, left:right] = paste(mask, (top, left, bottom, right))
    return full


def generate_anchors(
    scales: ArrayLike,
    ratios: ArrayLike,
    shape: Sequence[int],
    feature_stride: int,
    anchor_stride: int,
) -> NDArray[np.float64]:
    """Return the anchors of one feature map, [n, 4] pixels, in the order y, x, ratio, scale."""
    ratio_list = np.atleast_1d(ratios).tolist()
    by_scale = [
        anchors.generate_anchors(
            scale, ratio_list, (shape[0], shape[1]), feature_stride, anchor_stride
        )
        for scale in np.atleast_1d(scales).tolist()
    ]
    return np.stack(by_scale, axis=1).reshape(-1, 4)


def generate_pyramid_anchors(
    scales: Sequence[float],
    ratios: ArrayLike,
    feature_shapes: Sequence[Sequence[int]],
    feature_strides: Sequence[int],
    anchor_stride: int,
) -> NDArray[np.float64]:
    """Return the anchors of all levels one after the other, one scale a level: [n, 4] pixels."""
    levels = zip(scales, feature_shapes, feature_strides, strict=False)
    return np.concatenate(
        [
            generate_anchors(scale, ratios, shape, stride, anchor_stride)
            for scale, shape, stride in levels
        ]
    )


def norm_boxes(boxes: Array, shape: Sequence[int]) -> NDArray[np.float32]:
    """Map pixel boxes (y2 and x2 exclusive) of a picture of `shape` to 0..1."""
    return anchors.normalize_boxes(boxes, shape)


def denorm_boxes(boxes: Array, shape: Sequence[int]) -> NDArray[np.int32]:
    """Undo `norm_boxes`, to whole pixels."""
    return anchors.denormalize_boxes(boxes, shape)


def box_refinement_graph(box: Any, gt_box: Any) -> Any:
    """Return what `box_refinement` does, for tensors [n, 4]."""
    from mrcnn.boxes import box_deltas

    return box_deltas(box, gt_box)


def batch_slice(
    inputs: Any,
    graph_fn: Callable[..., Any],
    batch_size: int,
    names: Sequence[str | None] | None = None,
) -> Any:
    """Run `graph_fn` for each entry of a batch of tensors and stack what it returns."""
    import tensorflow as tf

    inputs = inputs if isinstance(inputs, list) else [inputs]
    outputs = []
    for index in range(batch_size):
        output = graph_fn(*(tensor[index] for tensor in inputs))
        outputs.append(output if isinstance(output, (tuple, list)) else [output])
    columns = list(zip(*outputs, strict=True))
    stacked = [
        tf.stack(column, axis=0, name=name)
        for column, name in zip(columns, names or [None] * len(columns), strict=True)
    ]
    return stacked[0] if len(stacked) == 1 else stacked


def download_trained_weights(coco_model_path: str, verbose: int = 1) -> None:
    """Say where the weights trained on COCO are; nothing is downloaded here."""
    raise RuntimeError(
        f"{coco_model_path} is missing and is not downloaded by this package: get "
        f"mask_rcnn_coco.h5 from {COCO_MODEL_URL} and put it there"
    )


def _nearest(source_length: int, target_length: int) -> NDArray[np.intp]:
    step = (source_length - 1) / (target_length - 1) if target_length > 1 else 1.0
    return np.floor(np.arange(target_length) * step + 0.5).astype(np.intp)
