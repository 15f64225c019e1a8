"""Draws what a classifier says of a picture onto it, with Pillow alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

# A picture smaller than this would have letters that nobody can read.
_SMALLEST_SIDE = 240
_SHADE, _BAR, _INK = (0, 0, 0, 170), (64, 156, 255, 255), (255, 255, 255, 255)


def draw(picture: NDArray[np.uint8], scores: Sequence[tuple[str, float]]) -> Image.Image:
    """Return the picture in RGB, a small one enlarged, with a bar a class along its lower edge.

    It is uint8 [height, width, channels]; each of the classes is a label and a score from 0 to 1.
    """
    canvas = Image.fromarray(picture if picture.shape[2] > 1 else picture[..., 0]).convert("RGB")
    factor = -(-_SMALLEST_SIDE // min(canvas.size))
    if factor > 1:
        canvas = canvas.resize(
            (canvas.width * factor, canvas.height * factor), Image.Resampling.NEAREST
        )
    size = max(11, min(canvas.size) // 24)
    font, margin = ImageFont.load_default(size), size // 2
    line = size + margin
    top = max(0, canvas.height - line * len(scores) - margin)
    layer = Image.new("RGBA", canvas.size)
    pen = ImageDraw.Draw(layer)
    pen.rectangle((0, top, canvas.width, canvas.height), fill=_SHADE)
    for index, (label, score) in enumerate(scores):
        y = top + margin + index * line
        width = round((canvas.width - 2 * margin) * score)
        pen.rectangle((margin, y + size, margin + width, y + size + max(1, size // 8)), fill=_BAR)
        told = f"{score:.1%}"
        room = canvas.width - 3 * margin - pen.textlength(told, font)
        pen.text((margin, y - 1), _shortened(label, pen, font, room), _INK, font)
        pen.text((canvas.width - margin - pen.textlength(told, font), y - 1), told, _INK, font)
    canvas.paste(layer, mask=layer)
    return canvas


def _shortened(
    label: str,
    pen: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    room: float,
) -> str:
    if pen.textlength(label, font) <= room:
        return label
    while label and pen.textlength(f"{label}…", font) > room:
        label = label[:-1]
    return f"{label}…"
