"""TIFF: the first page, within the limits.

`mrcnn.pictures` reads it, from its own directory alone: neither a chain of pages nor directories
within directories lead anywhere, and no profile or text of the file is looked at. Here are the
limits that come before: no entry counts more values than a picture has use for, no tile is larger
than a picture, and the samples take no more memory than those of a large photo.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.images.contents import Contents
from app.images.exif import orientation_in
from app.images.limits import STEPS, Budget, ImageLimits, ImageTooLargeError
from mrcnn.pictures.directories import Directories
from mrcnn.pictures.tiff import Tiff
from mrcnn.pictures.tiff.layout import Layout
from mrcnn.pictures.tiff.tags import Compression, Tag

#: The most values of one entry: tiles of 16 x 16 pixels of a picture of 67 million.
MAX_VALUES = 1 << 18
#: The most scans of a JPEG in a strip or tile. libtiff takes them in one piece, without a clock.
MAX_SCANS = 16
#: The most bytes of samples, for each pixel that a picture may have: four samples of 16 bits.
MAX_BYTES_A_PIXEL = 8


def _silence_libtiff() -> None:
    """Keep libtiff from writing to stderr what it finds, which may be a line for every row."""
    with contextlib.suppress(OSError):
        for library in filter(lambda path: "libtiff" in path, _mapped()):
            for handler in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
                getattr(ctypes.CDLL(library), handler)(None)


def _mapped() -> set[str]:
    """Return the files that this process has mapped; the sixth field is a path with its spaces."""
    lines = os.fsdecode(Path("/proc/self/maps").read_bytes()).split("\n")
    return {fields[5] for line in lines if len(fields := line.split(maxsplit=5)) > 5}


_silence_libtiff()


def read(data: bytes, limits: ImageLimits, budget: Budget) -> Contents:
    """Return what makes the first page; raises ValueError or ImageTooLargeError."""
    try:
        directories = Directories(data)
        _check_entries(directories)
        turn = orientation_in(directories, directories.entries(directories.first))
        frames = _count_pages(directories, limits, budget)
        tiff = Tiff(directories)
    except struct.error as error:
        raise ValueError("a directory ends too early") from error
    limits.check_size(tiff.layout.width, tiff.layout.height)
    _check_cost(tiff.layout, data, limits)
    worth = tiff.layout.sample_bytes // MAX_BYTES_A_PIXEL
    return Contents(open=lambda: _Page(tiff, budget), orientation=turn, frames=frames, worth=worth)


@dataclass(frozen=True)
class _Page:
    """The first page, which looks at the clock at every part of it."""

    tiff: Tiff
    budget: Budget

    @property
    def size(self) -> tuple[int, int]:
        return self.tiff.layout.width, self.tiff.layout.height

    def pixels(self, *, keep_alpha: bool) -> NDArray[np.uint8]:
        return self.tiff.pixels(keep_alpha=keep_alpha, check=lambda: self.budget.check(STEPS))


def _check_entries(directories: Directories) -> None:
    known = frozenset(Tag)
    for entry in directories.entries(directories.first):
        if entry.tag in known and entry.count > MAX_VALUES:
            raise ImageTooLargeError(f"values in tag {entry.tag}", entry.count, MAX_VALUES)


def _check_cost(layout: Layout, data: bytes, limits: ImageLimits) -> None:
    """Refuse what would take more memory or time than a picture of so many pixels does."""
    width, height = layout.segment
    if layout.is_tiled and width * height > limits.max_pixels:
        raise ImageTooLargeError("pixels", width * height, limits.max_pixels, "the picture's tile")
    most = MAX_BYTES_A_PIXEL * limits.max_pixels
    if layout.sample_bytes > most:
        raise ImageTooLargeError("bytes of samples", layout.sample_bytes, most)
    if layout.compression is Compression.JPEG:
        scans, limit = data.count(b"\xff\xda"), MAX_SCANS * max(1, len(layout.offsets))
        if scans > limit:
            raise ImageTooLargeError("scans", scans, limit)


def _count_pages(directories: Directories, limits: ImageLimits, budget: Budget) -> int:
    """Count the pages, no further than one too many; a chain that comes back to itself ends."""
    seen = {directories.first}
    place = directories.first
    for pages in itertools.count(1):
        budget.check()
        try:
            place = directories.next(place)
        except (ValueError, struct.error):
            return pages
        if not place or place in seen or pages > limits.max_frames:
            return pages
        seen.add(place)
    raise AssertionError
