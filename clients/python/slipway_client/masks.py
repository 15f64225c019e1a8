"""Masks out of COCO's compressed run-length code, with numpy alone.

The code is a text: a run's length in groups of five bits, the least first, each a character from
`0` on whose sixth bit says that more follow. From the fourth run on it is the difference to the run
before the last. Runs go down the columns, and the first is of what is not in the mask.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BITS, _PAYLOAD, _SIGN, _MORE = 5, 0x1F, 0x10, 0x20
# 13 groups hold 64 bits, and no picture has so many pixels.
_MOST_GROUPS = 12


def decode(counts: str, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the mask of a code, [height, width]; raises ValueError where it does not fit.

    `size` is height and width.
    """
    height, width = size
    runs = _runs(counts)
    area = height * width
    if (runs < 0).any() or (runs > area).any() or runs.sum() != area:
        raise ValueError(f"the code of a mask does not fit its size of {height} x {width}")
    is_inside = np.arange(len(runs)) % 2 == 1
    return np.ascontiguousarray(np.repeat(is_inside, runs).reshape(width, height).T)


def _runs(counts: str) -> NDArray[np.int64]:
    """Return the lengths of the runs."""
    groups = np.frombuffer(counts.encode(), np.uint8).astype(np.int64) - ord("0")
    if not len(groups) or groups.min() < 0 or groups.max() >= 2 * _MORE or groups[-1] & _MORE:
        raise ValueError("the code of a mask is damaged")
    ends = np.flatnonzero(groups & _MORE == 0)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > _MOST_GROUPS:
        raise ValueError("the code of a mask is damaged")
    places = np.arange(len(groups)) - np.repeat(starts, lengths)
    runs = np.add.reduceat((groups & _PAYLOAD) << (_BITS * places), starts)
    runs -= np.where(groups[ends] & _SIGN, 1 << (_BITS * lengths), 0)
    runs[1::2] = runs[1::2].cumsum()
    runs[2::2] = runs[2::2].cumsum()
    return runs
