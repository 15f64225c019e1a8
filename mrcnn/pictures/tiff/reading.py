"""A TIFF's first picture: what it is told from its directory alone, and its pixels on demand."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mrcnn.pictures.directories import Directories
from mrcnn.pictures.levels import Range, Scale, Width
from mrcnn.pictures.tiff.allowed import check as check_allowed
from mrcnn.pictures.tiff.colours import is_of_unknown_range, to_rgb, unassociated
from mrcnn.pictures.tiff.layout import read_layout
from mrcnn.pictures.tiff.lines import lines_of
from mrcnn.pictures.tiff.samples import blocks
from mrcnn.pictures.tiff.tags import ASSOCIATED, Fields

_Parts = Iterator[tuple[int, NDArray[Any]]]


class Tiff:
    """The first picture of a file, which is held to what is read right.

    Raises ValueError, with what it is, for all else.
    """

    def __init__(self, directories: Directories) -> None:
        self._directories = directories
        try:
            fields = Fields(directories)
            self.layout = read_layout(fields)
            check_allowed(fields, self.layout)
        except struct.error as error:
            raise ValueError("a directory ends too early") from error

    def pixels(
        self, *, keep_alpha: bool = False, check: Callable[[], None] = lambda: None
    ) -> NDArray[np.uint8]:
        """Return uint8 [height, width, 3], as stored and not turned.

        With `keep_alpha` it is [height, width, 4] where there is one extra sample. `check` is
        called before each part. Raises ValueError or OSError for damage, and for numbers that
        stand for no brightness.
        """
        found = self.layout
        is_kept = keep_alpha and len(found.extras) == 1
        is_associated = ASSOCIATED in found.extras[:1]
        colours = found.photometric.colours
        wanted = colours + (is_kept or is_associated)
        planes = []
        for plane in range(min(found.planes, wanted)):
            check()
            planes.append(lines_of(self._directories, found, plane))

        def parts() -> _Parts:
            for row, samples in blocks(found, planes):
                check()
                yield row, samples[..., :wanted]

        scales = self._scales(parts)
        pixels = np.empty((found.height, found.width, 3 + is_kept), np.uint8)
        for row, samples in parts():
            values, fourth = samples[..., :colours], samples[..., colours:]
            if is_associated:
                values = unassociated(values, fourth, scales=scales)
            rows = pixels[row : row + len(samples)]
            rows[..., :3] = to_rgb(found, values, scales[0])
            if is_kept:
                rows[..., 3:] = scales[1].scaled(fourth)
        return pixels

    def _scales(self, parts: Callable[[], _Parts]) -> tuple[Scale, Scale]:
        """Return how the colours are scaled, and how a fourth channel."""
        found = self.layout
        if not is_of_unknown_range(found):
            return Width(found.bits), Width(found.bits)
        bounds = [(part.min(axis=(0, 1)), part.max(axis=(0, 1))) for _, part in parts()]
        lows, highs = (np.stack(values) for values in zip(*bounds, strict=True))
        split = found.photometric.colours
        colours = Range.of(lows[:, :split].min(), highs[:, :split].max())
        if lows.shape[1] == split:
            return colours, colours
        return colours, Range.of(lows[:, split:].min(), highs[:, split:].max())
