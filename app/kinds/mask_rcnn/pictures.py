"""Files of pictures as a network takes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.images.limits import ImageError
from app.kinds.kind import ModelError
from app.kinds.limits import Limits
from app.kinds.mask_rcnn.model import in_channels
from app.kinds.pictures import pixels_of


class Pictures(Sequence[NDArray[np.uint8]]):
    """Pictures that are read when they are looked at: all at once may not fit into memory."""

    def __init__(self, paths: Sequence[Path], limits: Limits, channels: int) -> None:
        self._paths, self._limits, self._channels = paths, limits, channels

    def __len__(self) -> int:
        return len(self._paths)

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> NDArray[np.uint8]:  # type: ignore[override]
        path = self._paths[index]
        try:
            pixels = pixels_of(path.read_bytes(), self._limits)
        except ImageError as error:
            raise ModelError(f"{path.name}: {error}") from error
        if pixels.shape[2] < self._channels:
            raise ModelError(f"{path.name}: has no fourth channel, which the model takes")
        return in_channels(pixels, self._channels)
