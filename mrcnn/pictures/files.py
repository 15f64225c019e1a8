"""A picture's file becomes RGB of 8 bits."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mrcnn.pictures.directories import Directories
from mrcnn.pictures.pixels import rgb
from mrcnn.pictures.png import check_whole
from mrcnn.pictures.tiff import Tiff

_TIFF = frozenset({b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"})


def load(path: str | Path) -> NDArray[np.uint8]:
    """Return a file's first picture as uint8 [height, width, 3], as stored: nothing turns it.

    Raises ValueError for pixels that are not read right, and OSError for what is no picture.
    """
    with Path(path).open("rb") as file:
        is_tiff = file.read(4) in _TIFF
    try:
        if is_tiff:
            # Pillow alone reads some of them wrong, and turns others.
            return Tiff(Directories(Path(path).read_bytes())).pixels()
        with Image.open(path) as image:
            image.load()
            if image.format == "PNG":
                check_whole(image, Path(path).read_bytes())
            return rgb(image)
    except (OverflowError, SyntaxError, ValueError, struct.error) as error:
        raise ValueError(f"{path}: {error}") from error
