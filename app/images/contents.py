"""What a format's reader hands on: the parts of a file that make its pixels, and how to open them.

A picture carries much that only describes it: texts, profiles, previews, further frames. Each is a
way to make a decoder work for nothing, or to have it refuse a picture for a remark beside it. So
the readers of this room keep what the pixels need, and Pillow never sees the rest.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL.ImageFile import ImageFile

from app.images.limits import Budget
from mrcnn.pictures.pixels import Samples, alpha

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


@dataclass(frozen=True, kw_only=True)
class Contents:
    """A picture as its format's reader found it, before Pillow looks."""

    open: Callable[[], ImageFile]
    """Make Pillow read the header; no pixel is decoded before its `load`."""
    orientation: int = 1
    """EXIF's, 1 to 8: how the stored pixels have to be turned."""
    frames: int = 1
    """How many there are, counted no further than one more than the limit."""
    size: tuple[int, int] | None = None
    """Width and height, where Pillow would take memory before it tells them."""
    samples: Samples = field(default_factory=Samples)
    """What Pillow's mode does not tell of samples wider than 8 bits."""
    fourth: Callable[[ImageFile], NDArray[np.uint8] | None] = alpha
    """Find the loaded picture's fourth channel, uint8 [height, width]."""
