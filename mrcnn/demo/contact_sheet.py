"""One picture of many: the plain grid of scenes that a model's README shows."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_GAP = 4
_CAPTION_HEIGHT = 16


def contact_sheet(
    images: Sequence[Image.Image | np.ndarray],
    columns: int,
    captions: Sequence[str] | None = None,
) -> Image.Image:
    """Lay images out row by row on white, each with its caption below it where captions are given.

    Arrays are uint8 [h, w, 3] RGB. Cells are as large as the largest image; smaller ones lie in
    their cell's upper left corner.
    """
    if not images or columns < 1:
        raise ValueError(f"A sheet needs images and columns, not {len(images)} and {columns}.")
    if captions is not None and len(captions) != len(images):
        raise ValueError(f"{len(images)} images need as many captions, not {len(captions)}.")
    pictures = [
        image if isinstance(image, Image.Image) else Image.fromarray(image) for image in images
    ]
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    step_x = max(picture.width for picture in pictures) + _GAP
    step_y = max(picture.height for picture in pictures) + _GAP
    step_y += _CAPTION_HEIGHT if captions is not None else 0
    sheet = Image.new("RGB", (columns * step_x + _GAP, rows * step_y + _GAP), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for place, picture in enumerate(pictures):
        x, y = _GAP + place % columns * step_x, _GAP + place // columns * step_y
        sheet.paste(picture, (x, y))
        if captions is not None:
            pen.text((x, y + picture.height + 1), captions[place], fill="black", font=font)
    return sheet
