"""What a format's reader hands on: the parts of a file that make its pixels, and how to open them.

A picture carries much that only describes it: texts, profiles, previews, further frames. Each is a
way to make a decoder work for nothing, or to have it refuse a picture for a remark beside it. So
the readers of this room keep what the pixels need, and Pillow never sees the rest.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL.ImageFile import ImageFile

from app.images.limits import Budget
from mrcnn.pictures.pixels import alpha, rgb

# What a decoder does in a step of the budget: the clock is looked at every 8 KiB.
_STEP_BYTES = 32


class WatchedFile(io.BytesIO):
    """Bytes as the file that Pillow reads, block by block; a read past the time allowed raises."""

    def __init__(self, data: bytes, budget: Budget) -> None:
        super().__init__(data)
        self._budget = budget

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as any file does; raises ImageTimeoutError."""
        block = super().read(size)
        self._budget.check(1 + len(block) // _STEP_BYTES)
        return block


class Opened(Protocol):
    """A picture whose header is read."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, as stored."""

    def pixels(self, *, keep_alpha: bool) -> NDArray[np.uint8]:
        """Decode it: uint8 [height, width, 3], or 4 where it has a fourth channel to keep."""


@dataclass(frozen=True)
class ByPillow:
    """A picture that Pillow decodes."""

    image: ImageFile
    fourth: Callable[[ImageFile], NDArray[np.uint8] | None] = alpha
    """Find the loaded picture's fourth channel, uint8 [height, width]."""
    check: Callable[[ImageFile], None] = lambda image: None
    """Raise ValueError where the loaded picture is not whole, and Pillow does not say so."""

    @property
    def size(self) -> tuple[int, int]:
        return self.image.size

    def pixels(self, *, keep_alpha: bool) -> NDArray[np.uint8]:
        self.image.load()
        self.check(self.image)
        pixels = rgb(self.image)
        if keep_alpha and (fourth := self.fourth(self.image)) is not None:
            pixels = np.dstack([pixels, fourth])
        self.image.close()
        return pixels


@dataclass(frozen=True, kw_only=True)
class Contents:
    """A picture as its format's reader found it, before it is decoded."""

    open: Callable[[], Opened]
    """Read the header; no pixel is decoded before its `pixels`."""
    orientation: int = 1
    """EXIF's, 1 to 8: how the stored pixels have to be turned."""
    frames: int = 1
    """How many there are, counted no further than one more than the limit."""
    size: tuple[int, int] | None = None
    """Width and height, where Pillow would take memory before it tells them."""
    worth: int = 0
    """As how many pixels it counts while it is decoded, where it takes more memory than they do."""
