"""Draws an answer onto its picture, with Pillow, which the extra `draw` brings."""

from __future__ import annotations

import colorsys
import io
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from slipway_client.inputs import Picture

if TYPE_CHECKING:
    from slipway_client.results import Region, Size

_TINT = 0.45
_GOLDEN_ANGLE = 0.618034  # of the colour circle: neighbours in number are far apart in hue


def draw(picture: Picture, size: Size, regions: Sequence[tuple[str, Region]]) -> Image.Image:
    """Return the picture in RGB with each region's mask, box and text, the largest undermost."""
    canvas = _opened(picture)
    if canvas.size != (size.width, size.height):
        raise ValueError(
            f"the picture has {canvas.width} x {canvas.height} pixels; "
            f"the answer is of one of {size.width} x {size.height}"
        )
    ordered = sorted(regions, key=lambda one: -one[1].area)
    for _, region in ordered:
        if region.code is not None:
            cover = Image.fromarray(np.where(region.mask, round(255 * _TINT), 0).astype(np.uint8))
            canvas.paste(_color(region), mask=cover)
    pen = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(max(10, min(canvas.size) // 30))
    line = max(1, round(min(canvas.size) / 260))
    for text, region in ordered:
        box, color = region.box, _color(region)
        pen.rectangle((box.x_min, box.y_min, box.x_max - 1, box.y_max - 1), None, color, line)
        # Within the picture: what lies at its right edge has its text further left.
        corner = (
            max(2, min(box.x_min + 2, canvas.width - 3 - pen.textlength(text, font))),
            box.y_min + 2,
        )
        plate = pen.textbbox(corner, text, font)
        pen.rectangle((plate[0] - 2, plate[1] - 2, plate[2] + 2, plate[3] + 2), color)
        pen.text(corner, text, "black", font)
    return canvas


def _opened(picture: Picture) -> Image.Image:
    if isinstance(picture, np.ndarray):
        pixels = picture[..., 0] if picture.ndim == 3 and picture.shape[2] == 1 else picture
        return Image.fromarray(pixels).convert("RGB")
    source = picture if isinstance(picture, str | os.PathLike) else io.BytesIO(picture)
    with Image.open(source) as image:
        return ImageOps.exif_transpose(image).convert("RGB")


def _color(region: Region) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(region.class_id * _GOLDEN_ANGLE % 1, 0.7, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)
