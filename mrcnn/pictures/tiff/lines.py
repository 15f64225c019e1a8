"""The bytes of a TIFF's strips or tiles, decompressed and line by line.

What is not compressed is taken from the file as it is. Of the rest Pillow's libtiff undoes the
compression and nothing else: it is given a directory that says grey of 8 bits, or for codecs that
know pixels as many samples as there are, so that no conversion of theirs has a part in it.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL.TiffImagePlugin import TiffImageFile

from mrcnn.pictures.directories import Directories
from mrcnn.pictures.tiff.layout import Layout
from mrcnn.pictures.tiff.tags import Compression, Photometric, Tag

#: Give lines from one to another, as uint8 [lines, strips or tiles across, bytes].
Lines = Callable[[int, int], NDArray[np.uint8]]

_REVERSED = np.packbits(np.unpackbits(np.arange(256, dtype=np.uint8)).reshape(256, 8)[:, ::-1])
# What a classic TIFF can say.
_MOST_BYTES = (1 << 32) - 1
# Of a pixel with so many samples: what a codec is told that it is, and of which ExtraSamples.
_AS = {
    1: (Photometric.BLACK_IS_ZERO, []),
    2: (Photometric.BLACK_IS_ZERO, [2]),
    3: (Photometric.RGB, []),
    4: (Photometric.CMYK, []),
}


def lines_of(directories: Directories, layout: Layout, plane: int) -> Lines:
    """Return a plane's lines; decompresses it. Raises ValueError or OSError for what is damaged."""
    if layout.compression is Compression.NONE:
        return _Stored(directories.data, layout, plane).lines
    with io.BytesIO(directories.rewritten(_fields(layout, plane))) as file:
        image = TiffImageFile(file)
        image.load()
    across = 1 if layout.compression.is_of_pixels else layout.across

    def lines(start: int, end: int) -> NDArray[np.uint8]:
        rows = np.asarray(image.crop((0, start, image.width, end)), np.uint8)
        return rows.reshape(end - start, across, -1)

    return lines


class _Stored:
    """Lines that the file holds as they are."""

    def __init__(self, data: bytes, layout: Layout, plane: int) -> None:
        self._data = data
        self._layout = layout
        self._first = plane * layout.across * layout.down

    def lines(self, start: int, end: int) -> NDArray[np.uint8]:
        found = []
        while start < end:
            down, line = divmod(start, self._layout.segment_lines)
            count = min(end - start, self._layout.segment_lines - line)
            row = [self._of(down, across, line, count) for across in range(self._layout.across)]
            found.append(np.stack(row, axis=1))
            start += count
        lines = np.concatenate(found)
        return _REVERSED[lines] if self._layout.is_reversed else lines

    def _of(self, down: int, across: int, line: int, count: int) -> NDArray[np.uint8]:
        size = self._layout.line_bytes
        index = self._first + down * self._layout.across + across
        place = int(self._layout.offsets[index]) + line * size
        if place + count * size > len(self._data):
            raise ValueError(
                f"it ends after {len(self._data):,} bytes, before a strip or tile does"
            )
        return np.frombuffer(self._data, np.uint8, count * size, place).reshape(count, size)


def _fields(layout: Layout, plane: int) -> dict[int, bytes | list[int]]:
    """Return the directory by which libtiff decompresses a plane."""
    is_of_pixels = layout.compression.is_of_pixels
    width = layout.segment[0] if is_of_pixels else layout.line_bytes
    lines = layout.segment_lines
    size = layout.width, layout.height
    if not is_of_pixels:
        height = lines * layout.down if layout.is_tiled else layout.lines
        size = width * layout.across, height
    fields: dict[int, bytes | list[int]] = {
        Tag.WIDTH: [size[0]],
        Tag.HEIGHT: [size[1]],
        Tag.BITS_PER_SAMPLE: [8],
        Tag.COMPRESSION: [layout.compression],
        Tag.PHOTOMETRIC: [Photometric.BLACK_IS_ZERO],
    }
    if is_of_pixels:
        fields |= _pixels(layout)
    # JPEG's bits have one order alone.
    if layout.is_reversed and layout.compression is not Compression.JPEG:
        fields[Tag.FILL_ORDER] = [2]
    first = plane * layout.across * layout.down
    part = slice(first, first + layout.across * layout.down)
    where = (Tag.STRIP_OFFSETS, Tag.STRIP_SIZES)
    if layout.is_tiled:
        where = (Tag.TILE_OFFSETS, Tag.TILE_SIZES)
        fields |= {Tag.TILE_WIDTH: [width], Tag.TILE_HEIGHT: [lines]}
    else:
        fields[Tag.ROWS_PER_STRIP] = [lines]
    fields[where[0]] = layout.offsets[part].tolist()
    if layout.sizes is not None:
        fields[where[1]] = np.minimum(layout.sizes[part], _MOST_BYTES).tolist()
    return fields | layout.codec


def _pixels(layout: Layout) -> dict[int, bytes | list[int]]:
    """Return what a codec that knows pixels is told of them, so that it changes none."""
    if layout.compression.is_fax:
        return {Tag.BITS_PER_SAMPLE: [1]}
    photometric, extras = _AS[layout.together]
    if layout.photometric is Photometric.YCBCR:
        # The one conversion that a codec makes: to RGB, and with it the subsampling.
        photometric = Photometric.YCBCR
    fields: dict[int, bytes | list[int]] = {
        Tag.BITS_PER_SAMPLE: [8] * layout.together,
        Tag.PHOTOMETRIC: [photometric],
        Tag.SAMPLES_PER_PIXEL: [layout.together],
    }
    return fields | ({Tag.EXTRA_SAMPLES: extras} if extras else {})
