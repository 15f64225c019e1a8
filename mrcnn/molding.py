"""From a photo to the pixels the network reads: resized, padded, with the mean taken off.

Every step gives the numbers of the original implementation bit for bit, because trained weights
have seen exactly these: the resize blends the rim with black, clips to the values it was given,
and truncates. Nothing here reads a file or knows of a network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mrcnn.bilinear import resize_bilinear

__all__ = [
    "RESIZE_MODES",
    "Molded",
    "PhotoError",
    "check_channels",
    "compose_image_meta",
    "fit_image",
    "mold_image",
    "molded_size",
    "parse_image_meta",
    "resize_bilinear",
    "resize_scale",
    "subtract_mean",
]

RESIZE_MODES = ("none", "square", "pad64", "crop")

_PAD_MULTIPLE = 64  # the pyramid halves the picture six times

Window = tuple[int, int, int, int]
Padding = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
_NO_PADDING: Padding = ((0, 0), (0, 0), (0, 0))


class PhotoError(ValueError):
    """A photo that a network cannot take; the message is one line that says why."""


@dataclass(frozen=True)
class Molded:
    """A photo in the network's frame, and how it got there.

    `pixels` is [H, W, channels], uint8 for a photo, with the padding in place and the mean not yet
    subtracted; `window` is (y1, x1, y2, x2), the pixels that show the photo; `crop`, in mode
    "crop" only, is (y, x, height, width) in the resized photo.
    """

    pixels: NDArray[Any]
    window: Window
    scale: float
    padding: Padding
    original_shape: tuple[int, int, int]
    crop: tuple[int, int, int, int] | None = None


def mold_image(
    image: NDArray[np.uint8],
    *,
    mode: str,
    min_dim: int | None,
    max_dim: int | None,
    min_scale: float | None = None,
    is_tight: bool = False,
    rng: np.random.Generator | None = None,
) -> Molded:
    """Bring a photo, uint8 [h, w, channels], into the network's frame as `fit_image` does.

    Raises ValueError for any other array, or a mode that lacks its side.
    """
    if image.ndim != 3 or 0 in image.shape:
        raise ValueError(f"a photo is [height, width, channels], not {list(image.shape)}")
    if image.dtype != np.uint8:
        raise ValueError(f"a photo holds uint8 values, not {image.dtype}")
    return fit_image(
        image,
        mode=mode,
        min_dim=min_dim,
        max_dim=max_dim,
        min_scale=min_scale,
        is_tight=is_tight,
        rng=rng,
    )


def check_channels(image: NDArray[Any], channels: int) -> None:
    """Raise ValueError unless the array is [h, w, channels] with at least one pixel."""
    if image.ndim != 3 or image.shape[2] != channels or 0 in image.shape:
        wanted = f"[height, width, {channels}]{' RGB' if channels == 3 else ''}"
        raise ValueError(f"a photo is {wanted}, not {list(image.shape)}")


def fit_image(
    image: NDArray[Any],
    *,
    mode: str,
    min_dim: int | None,
    max_dim: int | None,
    min_scale: float | None = None,
    is_tight: bool = False,
    rng: np.random.Generator | None = None,
) -> Molded:
    """Resize and pad an array [h, w, channels] of any type, which it keeps.

    The modes are Matterport's: "none" leaves it as it is, "square" centres it in a square of
    `max_dim`, "pad64" pads both sides to multiples of 64, and "crop", meant for training, cuts a
    random square of `min_dim` placed by `rng`. A falsy `min_dim`, `max_dim` or `min_scale` does
    not take part. Of a square `is_tight` keeps only what the photo needs: it is resized as for the
    square, and then padded to multiples of 64. Raises ValueError for a mode that lacks its side.
    """
    _check_mode(mode, min_dim, max_dim)
    height, width, channels = image.shape
    shape = (height, width, channels)
    if mode == "none":
        return Molded(image, (0, 0, height, width), 1.0, _NO_PADDING, shape)

    limit = max_dim if mode == "square" else None
    scale = resize_scale((height, width), min_dim=min_dim, max_dim=limit, min_scale=min_scale)
    if scale != 1:
        image = resize_bilinear(image, _scaled((height, width), scale)).astype(image.dtype)
    if mode == "crop":
        return _crop(image, min_dim or 0, scale, shape, rng)
    if mode == "square" and not is_tight:
        return _pad(image, (max_dim or 0, max_dim or 0), scale, shape)
    return _pad(image, _padded_size(image.shape[:2]), scale, shape)


def molded_size(
    size: tuple[int, int],
    *,
    mode: str,
    min_dim: int | None,
    max_dim: int | None,
    min_scale: float | None = None,
    is_tight: bool = False,
) -> tuple[int, int]:
    """Return (height, width) of what `fit_image` makes of a photo of `size`, without making it."""
    _check_mode(mode, min_dim, max_dim)
    if mode == "none":
        return size
    if mode == "crop" or (mode == "square" and not is_tight):
        side = (max_dim if mode == "square" else min_dim) or 0
        return side, side
    limit = max_dim if mode == "square" else None
    scale = resize_scale(size, min_dim=min_dim, max_dim=limit, min_scale=min_scale)
    return _padded_size(_scaled(size, scale))


def resize_scale(
    size: tuple[int, int], *, min_dim: int | None, max_dim: int | None, min_scale: float | None
) -> float:
    """Return the factor for a photo of `size` (height, width); only `max_dim` shrinks it."""
    scale = 1.0
    if min_dim:
        scale = max(1.0, min_dim / min(size))
    if min_scale and scale < min_scale:
        scale = min_scale
    if max_dim and round(max(size) * scale) > max_dim:
        scale = max_dim / max(size)
    return scale


def subtract_mean(pixels: NDArray[np.generic], mean: ArrayLike) -> NDArray[np.float32]:
    """Subtract the RGB `mean` in float64 and round once: the padded part becomes -mean, not 0."""
    difference: NDArray[np.float64] = np.subtract(pixels, np.asarray(mean), dtype=np.float64)
    return difference.astype(np.float32)


def compose_image_meta(
    *,
    image_id: int,
    original_shape: Sequence[int],
    molded_shape: Sequence[int],
    window: Sequence[int],
    scale: float,
    active_class_ids: Sequence[int],
) -> NDArray[np.float64]:
    """Lay out what the original network carries along with a picture, as one flat vector.

    Order: id (1), original shape (3), molded shape (3), window y1 x1 y2 x2 in pixels (4),
    scale (1), one flag a class. At inference the id and all flags are 0.
    """
    parts = [image_id, *original_shape, *molded_shape, *window, scale, *active_class_ids]
    return np.array(parts, dtype=np.float64)


def parse_image_meta(metas: NDArray[np.generic]) -> dict[str, NDArray[np.generic]]:
    """Take [batch, 12 + classes] metas apart into the named columns of `compose_image_meta`."""
    return {
        "image_id": metas[:, 0].astype(np.int32),
        "original_image_shape": metas[:, 1:4].astype(np.int32),
        "image_shape": metas[:, 4:7].astype(np.int32),
        "window": metas[:, 7:11].astype(np.int32),
        "scale": metas[:, 11].astype(np.float32),
        "active_class_ids": metas[:, 12:].astype(np.int32),
    }


def _check_mode(mode: str, min_dim: int | None, max_dim: int | None) -> None:
    if mode not in RESIZE_MODES:
        raise ValueError(f"resize mode {mode!r} is not one of {', '.join(RESIZE_MODES)}")
    if mode == "square" and not max_dim:
        raise ValueError("resize mode 'square' needs max_dim")
    if mode == "crop" and not min_dim:
        raise ValueError("resize mode 'crop' needs min_dim")
    if mode == "pad64" and (min_dim or 0) % _PAD_MULTIPLE:
        raise ValueError(f"resize mode 'pad64' needs min_dim to be a multiple of 64, not {min_dim}")


def _scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """Return a resized photo's size; a hair-thin one would round to nothing and keeps one pixel."""
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _padded_size(size: tuple[int, ...]) -> tuple[int, int]:
    height, width = (-(-side // _PAD_MULTIPLE) * _PAD_MULTIPLE for side in size)
    return height, width


def _pad(
    image: NDArray[Any],
    target: tuple[int, int],
    scale: float,
    original_shape: tuple[int, int, int],
) -> Molded:
    height, width = image.shape[:2]
    top, left = (target[0] - height) // 2, (target[1] - width) // 2
    padding = ((top, target[0] - height - top), (left, target[1] - width - left), (0, 0))
    window = (top, left, top + height, left + width)
    return Molded(np.pad(image, padding), window, scale, padding, original_shape)


def _crop(
    image: NDArray[Any],
    side: int,
    scale: float,
    original_shape: tuple[int, int, int],
    rng: np.random.Generator | None,
) -> Molded:
    rng = rng or np.random.default_rng()
    top = int(rng.integers(image.shape[0] - side + 1))
    left = int(rng.integers(image.shape[1] - side + 1))
    pixels = image[top : top + side, left : left + side]
    crop = (top, left, side, side)
    return Molded(pixels, (0, 0, side, side), scale, _NO_PADDING, original_shape, crop)
