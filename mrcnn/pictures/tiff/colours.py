"""Samples become RGB of 8 bits, by what the file says that they stand for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mrcnn.pictures.lab import lab_to_rgb
from mrcnn.pictures.levels import Scale
from mrcnn.pictures.pixels import rgb
from mrcnn.pictures.tiff.layout import Colours, Layout
from mrcnn.pictures.tiff.tags import UNSIGNED, Compression, Photometric


def is_of_unknown_range(layout: Layout) -> bool:
    """Tell whether the samples themselves have to say what the brightest one is."""
    return (layout.form != UNSIGNED or layout.bits > 16) and not layout.photometric.is_lab


def unassociated(
    colours: NDArray[Any], alpha: NDArray[Any], *, scales: tuple[Scale, Scale]
) -> NDArray[Any]:
    """Undo the colours' multiplication by alpha; where that is 0, nothing can be undone.

    `scales` are those of the colours and of alpha.
    """
    most, opaque = (scale.most for scale in scales)
    divisors = np.where(alpha > 0, alpha, opaque)
    return np.minimum(colours.astype(np.float64) * opaque / divisors, most).astype(colours.dtype)


def to_rgb(layout: Layout, colours: NDArray[Any], scale: Scale) -> NDArray[np.uint8]:
    """Return the colours [rows, width, colours] as uint8 [rows, width, 3]."""
    photometric = layout.photometric
    if photometric is Photometric.PALETTE:
        return layout.colours.palette[colours[..., 0]]
    if photometric.is_lab:
        return _from_lab(colours, layout)
    levels = scale.scaled(colours)
    if photometric is Photometric.WHITE_IS_ZERO:
        levels = 255 - levels
    elif photometric is Photometric.CMYK:
        return _from_cmyk(levels)
    elif photometric is Photometric.YCBCR and layout.compression is not Compression.JPEG:
        return _from_ycbcr(levels, layout.colours)
    return np.broadcast_to(levels, (*levels.shape[:2], 3))


def _from_lab(colours: NDArray[Any], layout: Layout) -> NDArray[np.uint8]:
    """Convert L* from 0 to 100, and a* and b*, of which each number is one, or its 256th part."""
    is_wide, is_icc = layout.bits == 16, layout.photometric is Photometric.ICC_LAB
    part = 256 if is_wide else 1
    lightness = colours[..., :1].view(f"u{layout.bits // 8}")
    full = 255 * 256 if is_icc and is_wide else 256 * part - 1
    differences = colours[..., 1:]
    if is_icc:
        differences = differences.astype(np.int32) - 128 * part
    else:
        differences = differences.view(f"i{layout.bits // 8}")
    lab = np.concatenate([lightness * (100 / full), differences / part], axis=2)
    return lab_to_rgb(lab, layout.colours.white)


def _from_cmyk(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    size = levels.shape[1::-1]
    return rgb(Image.frombuffer("CMYK", size, levels.tobytes(), "raw", "CMYK", 0, 1))


def _from_ycbcr(levels: NDArray[np.uint8], told: Colours) -> NDArray[np.uint8]:
    """Convert by the file's own coefficients and reference levels, as TIFF 6.0 has it."""
    red, green, blue = told.luma
    black, white = np.array(told.reference).reshape(3, 2).T
    scaled = (levels - black) * (np.array([255, 127, 127]) / (white - black))
    luma, by_blue, by_red = np.moveaxis(scaled, 2, 0)
    reds = luma + by_red * (2 - 2 * red)
    blues = luma + by_blue * (2 - 2 * blue)
    greens = (luma - red * reds - blue * blues) / green
    return np.clip(np.stack([reds, greens, blues], axis=2) + 0.5, 0, 255).astype(np.uint8)
