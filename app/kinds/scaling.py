"""Pixels from 0 to 255 as the numbers that a network was trained on, by `preprocessing`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.kinds.kind import ModelError

# As in keras.applications; `torch` are ImageNet's mean and deviation, as torchvision has them.
_NAMED: dict[str, dict[str, Any]] = {
    "none": {},
    "unit": {"scale": 1 / 255},
    "tf": {"scale": 1 / 127.5, "offset": -1.0},
    "torch": {
        "scale": 1 / 255,
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
    },
    # Of Caffe's networks, in whose order blue comes first.
    "caffe": {"mean": [103.939, 116.779, 123.68]},
}
_OF_COLOURS = frozenset({"torch", "caffe"})
_OWN = "of its own"


@dataclass(frozen=True)
class Scale:
    """Pixels times `factor` plus `offset`, a number each or one a channel; blue first for caffe.

    All in float64 first, so that 51 / 255 is what a client's own division in float32 gives.
    """

    name: str
    factor: NDArray[np.float64]
    offset: NDArray[np.float64]
    is_blue_first: bool = False

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return float32 of the pixels' shape [..., channels]."""
        ordered = pixels[..., ::-1] if self.is_blue_first else pixels
        if len(self._tables) == 1:
            return self._tables[0].take(ordered)
        scaled = np.empty(ordered.shape, np.float32)
        for channel, table in enumerate(self._tables):
            scaled[..., channel] = table.take(ordered[..., channel])
        return scaled

    @cached_property
    def _tables(self) -> NDArray[np.float32]:
        """What becomes of each value a pixel may have: [channels, 256], or [1, 256] for all."""
        factor, offset = (np.atleast_1d(one)[:, np.newaxis] for one in (self.factor, self.offset))
        return (np.arange(256) * factor + offset).astype(np.float32)


def scale_of(wanted: str | Mapping[str, Any], channels: int, file: str) -> Scale:
    """Return a scale by its name, or by `scale`, `offset`, `mean` and `std`; raises ModelError.

    It is `((x * scale + offset) - mean) / std`.
    """
    name = wanted if isinstance(wanted, str) else _OWN
    if name in _OF_COLOURS and channels != 3:
        raise ModelError(
            f"{file} takes {channels} channels; preprocessing {name} is about RGB pictures alone"
        )
    told = _NAMED[wanted] if isinstance(wanted, str) else wanted
    mean, std = (
        _by_channel(told.get(key, default), key, channels, file)
        for key, default in (("mean", 0.0), ("std", 1.0))
    )
    if not std.all():
        raise ModelError(f"{file}: preprocessing gives no numbers: std is 0, or one is infinite")
    factor, offset = told.get("scale", 1.0) / std, (told.get("offset", 0.0) - mean) / std
    if not (np.isfinite(factor).all() and np.isfinite(offset).all()):
        raise ModelError(f"{file}: preprocessing gives no numbers: std is 0, or one is infinite")
    return Scale(name, factor, offset, is_blue_first=name == "caffe")


def _by_channel(value: Any, key: str, channels: int, file: str) -> NDArray[np.float64]:
    numbers = np.array(value, np.float64)
    if numbers.ndim and len(numbers) not in (1, channels):
        raise ModelError(
            f"{file} takes {channels} channels; preprocessing says {len(numbers)} numbers for {key}"
        )
    return numbers
