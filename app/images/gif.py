"""GIF: the first frame alone.

The frames are counted by hopping over their blocks. None but the first is given to Pillow, and the
sizes are checked before it, because it takes memory for a frame while it reads the header.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from PIL.GifImagePlugin import GifImageFile

from app.images.contents import ByPillow, Contents, WatchedFile
from app.images.limits import Budget, ImageLimits

_SCREEN = 13
_EXTENSION, _FRAME = 0x21, 0x2C


@dataclass(frozen=True)
class _Frame:
    """Where a frame stands in the file, and how far it reaches to the right and down."""

    start: int
    end: int
    right: int
    bottom: int


def read(data: bytes, limits: ImageLimits, budget: Budget) -> Contents:
    """Return what makes the first frame; raises ValueError where there is none."""
    head = _SCREEN + _colours(data, 10)
    frames = _frames(data, head, budget)
    first = next(frames, None)
    if first is None:
        raise ValueError("it has no frame")
    others = sum(1 for _ in itertools.islice(frames, limits.max_frames))
    file = WatchedFile(data[:head] + data[first.start : first.end] + b";", budget)
    return Contents(
        open=lambda: ByPillow(GifImageFile(file)),
        frames=1 + others,
        size=(max(_number(data, 6), first.right), max(_number(data, 8), first.bottom)),
    )


def _frames(data: bytes, start: int, budget: Budget) -> Iterator[_Frame]:
    """Yield each frame, as long as the file keeps to the format."""
    while start < len(data):
        if data[start] == _EXTENSION:
            start = _after_blocks(data, start + 2, budget)
        elif data[start] == _FRAME and start + 10 <= len(data):
            blocks = start + 10 + _colours(data, start + 9) + 1
            end = _after_blocks(data, blocks, budget)
            right = _number(data, start + 1) + _number(data, start + 5)
            bottom = _number(data, start + 3) + _number(data, start + 7)
            yield _Frame(start, end, right, bottom)
            start = end
        else:
            return


def _after_blocks(data: bytes, start: int, budget: Budget) -> int:
    """Return where a row of blocks ends, which an empty one does."""
    while start < len(data) and data[start]:
        budget.check()
        start += 1 + data[start]
    return start + 1


def _colours(data: bytes, flags: int) -> int:
    """Return how many bytes the colour table takes that the flags at a place announce."""
    value = data[flags] if flags < len(data) else 0
    return 3 << ((value & 7) + 1) if value & 0x80 else 0


def _number(data: bytes, place: int) -> int:
    return int.from_bytes(data[place : place + 2], "little")
