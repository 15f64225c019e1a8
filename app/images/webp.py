"""WebP: its size and frames, from the header.

Pillow takes memory for the whole canvas before it tells how large that is. The decoder gets the
file in one piece, so that its time is bounded by the canvas alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from PIL.WebPImagePlugin import WebPImageFile

from app.images.contents import ByPillow, Contents, WatchedFile
from app.images.exif import orientation
from app.images.limits import Budget, ImageLimits


def read(data: bytes, limits: ImageLimits, budget: Budget) -> Contents:
    """Return the whole file with what it says of itself; raises ValueError without a size."""
    exif, frames = None, 0
    for name, start, end in _chunks(data, budget):
        if name == b"EXIF" and exif is None:
            exif = data[start:end]
        elif name == b"ANMF":
            frames += 1
            if frames > limits.max_frames:
                break
    return Contents(
        open=lambda: ByPillow(WebPImageFile(WatchedFile(data, budget))),
        orientation=orientation(exif),
        frames=max(1, frames),
        size=_size(data[12:30]),
    )


def _chunks(data: bytes, budget: Budget) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name of each chunk, and where its contents begin and end."""
    start = 20
    while start <= len(data):
        budget.check()
        end = start + _number(data[start - 4 : start])
        yield data[start - 8 : start - 4], start, end
        start = end + end % 2 + 8


def _size(chunk: bytes) -> tuple[int, int]:
    """Return width and height, from the first chunk's head and ten bytes of its contents."""
    name, contents = chunk[:4], chunk[8:]
    if len(contents) == 10:
        if name == b"VP8X":
            return 1 + _number(contents[4:7]), 1 + _number(contents[7:])
        if name == b"VP8L":
            bits = _number(contents[1:5])
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        if name == b"VP8 ":
            return _number(contents[6:8]) & 0x3FFF, _number(contents[8:]) & 0x3FFF
    raise ValueError("its header tells no size")


def _number(raw: bytes) -> int:
    return int.from_bytes(raw, "little")
