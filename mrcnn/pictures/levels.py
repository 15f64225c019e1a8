"""Samples of any width are scaled to 8 bits, and never clipped.

Up to 16 bits the width is the range. Of signed, floating and wider samples no file tells it: it is
the least of 1 (floats), 255, 65,535 and 4,294,967,295 that holds them all, and no more than the
largest number that they could be (signed: 127, 32,767, 2,147,483,647).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

_RANGES = (255, 65_535, 4_294_967_295)
# What is rounded to 255: a resampled picture goes a little beyond its range.
_JUST_ABOVE_1 = 255.5 / 255


class Scale(Protocol):
    """How samples become 0 to 255."""

    @property
    def most(self) -> int: ...

    def scaled(self, values: NDArray[Any]) -> NDArray[np.uint8]: ...


@dataclass(frozen=True)
class Width:
    """Unsigned samples of 1 to 16 bits, all of which their range takes."""

    bits: int

    @property
    def most(self) -> int:
        return (1 << self.bits) - 1

    def scaled(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Return the values as 0 to 255; of more than 8 bits the lowest are left out."""
        if self.bits > 8:
            return (values >> (self.bits - 8)).astype(np.uint8)
        if self.bits == 8:
            return values.astype(np.uint8, copy=False)
        return ((values.astype(np.uint16) * 255 + self.most // 2) // self.most).astype(np.uint8)


@dataclass(frozen=True)
class Range:
    """From 0 to the number that stands for full brightness."""

    most: int

    @classmethod
    def of(cls, low: Any, high: Any) -> Range:
        """Return the least that holds both, which are NumPy's; raises ValueError for others."""
        if not (np.isfinite([low, high]).all() and low >= 0):
            raise ValueError(f"its samples from {low:g} to {high:g} are no range of brightness")
        is_float = high.dtype.kind == "f"
        largest = _RANGES[-1] if is_float else int(np.iinfo(high.dtype).max)
        if is_float and high < _JUST_ABOVE_1:
            return cls(1)
        if is_float and high < 2:
            raise ValueError(f"its samples go up to {high:g}, which is no range: 1 and 255 are")
        for most in _RANGES:
            # What is a fraction above the range is scaled to full brightness all the same.
            if high < most + 1:
                return cls(min(most, largest))
        raise ValueError(f"its samples go up to {high:g}; at most {_RANGES[-1]:,} is accepted")

    def scaled(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Return the values as 0 to 255."""
        if self.most == 1:
            return (values * np.float32(255) + np.float32(0.5)).astype(np.uint8)
        return (values * (256 / (self.most + 1))).astype(np.uint8)
