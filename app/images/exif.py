"""The one thing of EXIF that a prediction needs: how the picture is to be turned; and the turning.

Nothing in it can refuse a picture: a block that cannot be read asks for no turn.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mrcnn.pictures.directories import Directories, Entry

_ORIENTATION = 0x0112
_SIGNATURE = b"Exif\0\0"
# Where EXIF's orientation says the stored first row and column are: transposed or not, then
# mirrored top to bottom, left to right.
_TURNS = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


def orientation(block: bytes | None) -> int:
    """Return EXIF's orientation, 1 to 8; 1 where the block does not tell one."""
    # Some writers put the signature twice.
    block = (block or b"").removeprefix(_SIGNATURE).removeprefix(_SIGNATURE)
    try:
        directories = Directories(block)
        return orientation_in(directories, directories.entries(directories.first))
    except (ValueError, struct.error):
        return 1


def orientation_in(directories: Directories, entries: Iterator[Entry]) -> int:
    """Return the orientation that one of the entries tells, or 1."""
    for entry in entries:
        if entry.tag == _ORIENTATION:
            value = directories.number(entry)
            return value if value is not None and 1 <= value <= 8 else 1
    return 1


def upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Return the pixels turned as EXIF's orientation, 1 to 8, asks."""
    is_transposed, is_flipped, is_mirrored = _TURNS[orientation]
    turned = pixels.swapaxes(0, 1) if is_transposed else pixels
    turned = turned[:: -1 if is_flipped else 1, :: -1 if is_mirrored else 1]
    return np.ascontiguousarray(turned)
