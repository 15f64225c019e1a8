"""A picture that Pillow has decoded becomes RGB of 8 bits, whatever its mode.

Transparency is dropped, and colour profiles are not applied: the original code did neither.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mrcnn.pictures.lab import lab_to_rgb
from mrcnn.pictures.levels import Range, Width


def rgb(image: Image.Image) -> NDArray[np.uint8]:
    """Return a loaded picture as uint8 [height, width, 3], which may be read-only.

    Raises ValueError for numbers that stand for no brightness.
    """
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        values = np.asarray(image)
        # Pillow has brought a PGM's to the full range of 16 bits.
        is_of_16 = image.mode.startswith("I;") or (image.mode, image.format) == ("I", "PPM")
        scale = Width(16) if is_of_16 else Range.of(values.min(), values.max())
        levels = scale.scaled(values)
        return np.repeat(levels[:, :, np.newaxis], 3, axis=2)
    if image.mode == "LAB":
        lightness, *differences = np.moveaxis(np.asarray(image), 2, 0)
        signed = [values.astype(np.int8) for values in differences]
        return lab_to_rgb(np.stack([lightness * (100 / 255), *signed], axis=2))
    if image.mode in ("La", "RGBa"):
        image = image.convert("LA" if image.mode == "La" else "RGBA")
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def alpha(image: Image.Image) -> NDArray[np.uint8] | None:
    """Return a loaded picture's fourth channel, uint8 [height, width]; None where it has none."""
    band = next((band for band in image.getbands() if band in ("A", "a")), None)
    # In Lab "A" is a colour.
    if band is None or image.mode == "LAB":
        return None
    return np.asarray(image.getchannel(band))
