"""A picture that Pillow has decoded becomes RGB of 8 bits, whatever its mode.

Wider samples are scaled, not clipped: 16 bits by their 256th part; 32 bits and floats, whose range
no file tells, by the least of 1 (floats), 255, 65,535 and 4,294,967,295 that holds them all.
Transparency is dropped, and colour profiles are not applied: the original code did neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

_RANGES = (255, 65_535, 4_294_967_295)


@dataclass(frozen=True, kw_only=True)
class Samples:
    """How samples of more than 8 bits are written, where Pillow's mode does not tell."""

    bits: int = 16
    is_signed: bool = False
    is_white_zero: bool = False
    """Whether they count from white to black."""


def rgb(image: Image.Image, samples: Samples = Samples()) -> NDArray[np.uint8]:
    """Return a loaded picture as uint8 [height, width, 3], which may be read-only.

    Raises ValueError for numbers that stand for no brightness.
    """
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        levels = _narrowed(np.asarray(image), image.mode, samples)
        if samples.is_white_zero:
            levels = 255 - levels
        return np.repeat(levels[:, :, np.newaxis], 3, axis=2)
    if image.mode == "LAB":
        image = _from_lab(image)
    elif image.mode in ("La", "RGBa"):
        image = image.convert("LA" if image.mode == "La" else "RGBA")
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def alpha(image: Image.Image) -> NDArray[np.uint8] | None:
    """Return a loaded picture's fourth channel, uint8 [height, width]; None where it has none."""
    band = next((band for band in image.getbands() if band in ("A", "a")), None)
    # In Lab "A" is a colour, and the last band is "B".
    if band is None or image.mode == "LAB":
        return None
    return np.asarray(image.getchannel(band))


def _narrowed(values: NDArray[Any], mode: str, samples: Samples) -> NDArray[np.uint8]:
    """Scale samples of 9 to 32 bits to 8."""
    if mode.startswith("I;"):
        return (values >> (min(samples.bits, 16) - 8)).astype(np.uint8)
    if mode == "I" and not samples.is_signed:
        values = values.view(np.uint32)
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite([low, high]).all() and low >= 0):
        raise ValueError(f"its samples from {low:g} to {high:g} are no range of brightness")
    if mode == "F" and high <= 1:
        return (values * 255 + 0.5).astype(np.uint8)
    for most in _RANGES:
        if high <= most:
            return (values / ((most + 1) // 256)).astype(np.uint8)
    raise ValueError(f"its samples go up to {high:g}; at most {_RANGES[-1]:,} is accepted")


def _from_lab(image: Image.Image) -> Image.Image:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    assert converted is not None
    return converted
