"""The one resize that photos and masks share, with scikit-image's numbers and none of its weight.

Order 1, a constant border of 0, no anti-aliasing, clipped to the input's own range: what trained
weights have seen. It is split into samples and products, so that a part comes without the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ROWS_PER_CHUNK = 16  # of the result: the working set stays in the second-level cache


@dataclass(frozen=True)
class Samples:
    """Where the pixels of a resized axis fall on the source axis with one cell of border.

    Pixel i lies between source cells `first[i]` and `first[i] + 1`, `fractions[i]` of the way.
    """

    first: NDArray[np.intp]
    fractions: NDArray[np.float64]

    @classmethod
    def along(cls, source_length: int, target_length: int) -> Samples:
        """Lay `target_length` samples evenly over `source_length` cells."""
        # The ratio is rounded before it is used; multiplying first lands on other floats.
        step = source_length / target_length
        positions = (np.arange(target_length) + 0.5) * step - 0.5
        first = np.floor(positions)
        return cls(first.astype(np.intp) + 1, positions - first)

    def __len__(self) -> int:
        return len(self.first)

    def __getitem__(self, chunk: slice) -> Samples:
        return Samples(self.first[chunk], self.fractions[chunk])


def with_border(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return `pixels` with the one cell of zeros around it that `interpolate` reads."""
    return np.pad(pixels, ((1, 1), (1, 1)) + ((0, 0),) * (pixels.ndim - 2))


def interpolate(bordered: NDArray[Any], rows: Samples, columns: Samples) -> NDArray[np.float64]:
    """Return the values at every pair of `rows` and `columns`, not yet clipped."""
    trailing = (1,) * (bordered.ndim - 2)
    lower_weights = rows.fractions.reshape(-1, 1, *trailing)
    right_weights = columns.fractions.reshape(-1, *trailing)
    left_weights = 1.0 - right_weights
    upper = bordered[rows.first] * (1.0 - lower_weights)
    lower = bordered[rows.first + 1] * lower_weights
    # The order of these four terms is part of the contract: floats do not associate.
    total: NDArray[np.float64] = upper.take(columns.first, axis=1) * left_weights
    total += upper.take(columns.first + 1, axis=1) * right_weights
    total += lower.take(columns.first, axis=1) * left_weights
    total += lower.take(columns.first + 1, axis=1) * right_weights
    return total


def resize_bilinear(pixels: NDArray[Any], size: tuple[int, int]) -> NDArray[np.float64]:
    """Resize [h, w] or [h, w, channels] to `size` (height, width), in float64.

    Equal to scikit-image's `resize` of order 1 with a constant border of 0, no anti-aliasing and
    `clip=True`: within half a cell of the rim the value blends with 0, and the result is then
    clipped to the smallest and largest value of the input.
    """
    if pixels.ndim not in (2, 3) or 0 in pixels.shape:
        raise ValueError(f"cannot resize an array of shape {list(pixels.shape)}")
    if min(size) < 1:
        raise ValueError(f"cannot resize to {size[0]} x {size[1]} pixels")
    bordered = with_border(pixels)
    rows = Samples.along(pixels.shape[0], size[0])
    columns = Samples.along(pixels.shape[1], size[1])
    resized = np.empty((*size, *pixels.shape[2:]))
    for start in range(0, size[0], _ROWS_PER_CHUNK):
        chunk = slice(start, start + _ROWS_PER_CHUNK)
        resized[chunk] = interpolate(bordered, rows[chunk], columns)
    return np.clip(resized, pixels.min(), pixels.max(), out=resized)
