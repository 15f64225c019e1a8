"""Valid pictures of kinds that Pillow reads but does not write."""

from __future__ import annotations

import struct

import numpy as np

from tests.app.pictures.making import png, scene

#: Adam7: where each pass begins and how far apart its pixels are, x and y. From the standard, and
#: not from what is tested.
PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)


def interlaced_png(size: tuple[int, int] = (64, 48)) -> bytes:
    """Return an interlaced PNG of the scene."""
    pixels = np.asarray(scene(size))
    rows = b"".join(
        b"\0" + row.tobytes()
        for x, y, step_x, step_y in PASSES
        for row in pixels[y::step_y, x::step_x]
    )
    return png(size, rows, is_interlaced=True)


def bmp(size: tuple[int, int], data: bytes, *, bits: int, compression: int, colours: int) -> bytes:
    """Return a BMP with a palette of greys and whatever data."""
    palette = b"".join(bytes([level, 0, 255 - level, 0]) for level in range(colours))
    head = struct.pack(
        "<IiiHHIIiiII", 40, *size, 1, bits, compression, len(data), 0, 0, colours, colours
    )
    place = 14 + len(head) + len(palette)
    file = struct.pack("<2sIHHI", b"BM", place + len(data), 0, 0, place)
    return file + head + palette + data


def rle_bmp(size: tuple[int, int] = (64, 48)) -> bytes:
    """Return a run-length coded BMP of one colour a row."""
    rows = (bytes([size[0], row % 256, 0, 0]) for row in range(size[1]))
    return bmp(size, b"".join(rows) + b"\0\x01", bits=8, compression=1, colours=256)
