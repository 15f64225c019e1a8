"""PNG: what Pillow paints black and does not tell: rows that are not there, and a lost palette.

The chunks, filters and passes are those of the PNG specification, third edition (W3C, 2025).
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable, Iterator

from PIL.Image import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_GREY, _COLOURS, _PALETTE = 0, 2, 3
# By the colour type, how many samples a pixel has.
_SAMPLES = {_GREY: 1, _COLOURS: 3, _PALETTE: 1, 4: 2, 6: 4}
# Where each pass of an interlaced picture begins, and by how much it goes on (Adam7).
_PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
_INFLATED_BYTES = 1 << 18


def chunks(file: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and end of each chunk; the last may end after the file does.

    Raises ValueError where the first is not IHDR.
    """
    start = len(SIGNATURE)
    if file[start + 4 : start + 8] not in {b"IHDR", b""}:
        raise ValueError("it does not begin with its header")
    while start + 8 <= len(file):
        name = file[start + 4 : start + 8]
        end = start + 12 + int.from_bytes(file[start : start + 4])
        yield name, start, end
        if name == b"IEND":
            return
        start = end


def check_whole(image: Image, file: bytes, check: Callable[[], None] = lambda: None) -> None:
    """Raise ValueError where pixels of the loaded `image` are none of `file`'s.

    `check` is called again and again, and may raise: the time is another's to bound.
    """
    _check_palette(file, check)
    width, height = image.size
    is_interlaced = file[28] != 0
    if not is_interlaced and any(image.crop((0, height - 1, width, height)).tobytes()):
        return  # the last row has come
    expected = _bytes_of_rows(width, height, file[24] * _SAMPLES[file[25]], is_interlaced)
    count, inflate = 0, zlib.decompressobj()
    with contextlib.suppress(zlib.error):
        for name, start, end in chunks(file):
            left = file[start + 8 : end - 4] if name == b"IDAT" else b""
            while left and count < expected:
                check()
                count += len(inflate.decompress(left, _INFLATED_BYTES))
                left = inflate.unconsumed_tail
    if count < expected:
        raise ValueError(f"its rows are {count:,} bytes of {expected:,}")


def _check_palette(file: bytes, check: Callable[[], None]) -> None:
    if file[25] != _PALETTE:
        return
    for name, _, _ in chunks(file):
        check()
        if name == b"PLTE":
            return
        if name == b"IDAT":
            raise ValueError("its pixels are indices, and it has no palette before them")


def _bytes_of_rows(width: int, height: int, bits: int, is_interlaced: bool) -> int:
    """Return how many bytes all rows are, each with one that says how it is filtered."""
    passes = _PASSES if is_interlaced else ((0, 0, 1, 1),)
    total = 0
    for left, top, across, down in passes:
        columns, rows = -((left - width) // across), -((top - height) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total
