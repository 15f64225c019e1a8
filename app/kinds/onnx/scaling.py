"""Pixels from 0 to 255 as the numbers that a network was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Scaling:
    """`((x * scale + offset) - mean) / std`, by channels where there are several numbers."""

    factor: NDArray[np.float32]
    addend: NDArray[np.float32]
    is_reversed: bool = False

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return float32 of the pixels' shape [..., channels]."""
        ordered = pixels[..., ::-1] if self.is_reversed else pixels
        return ordered.astype(np.float32) * self.factor + self.addend


def scaling_of(told: str | Mapping[str, Any], channels: int) -> Scaling:
    """Return the scaling that `preprocessing` of a `model.yaml` names; raises ModelError."""
    values = _NAMED[told] if isinstance(told, str) else told
    mean, std = (_by_channel(values, key, channels) for key in ("mean", "std"))
    if not std.all():
        raise ModelError("preprocessing: std is 0; it must be another number")
    scale, offset = float(values.get("scale", 1.0)), float(values.get("offset", 0.0))
    factor, addend = scale / std, (offset - mean) / std
    return Scaling(factor.astype(np.float32), addend.astype(np.float32), told == "caffe")


def _by_channel(values: Mapping[str, Any], key: str, channels: int) -> NDArray[np.float64]:
    numbers = np.atleast_1d(np.array(values.get(key, 1.0 if key == "std" else 0.0), np.float64))
    if len(numbers) not in (1, channels):
        raise ModelError(
            f"preprocessing: {key} has {len(numbers)} numbers; the graph takes pictures of "
            f"{channels} channel{'' if channels == 1 else 's'}"
        )
    return numbers
