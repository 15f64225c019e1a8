"""JPEG: the head without its remarks, usual pictures in one go, others' scans one at a time.

A progressive picture may have any number of scans, each of which goes over every pixel: a few
kilobytes can keep a decoder busy for hours. So there is a limit to their number, and Pillow gets
the file in pieces that end before each, with a look at the clock in between.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL.JpegImagePlugin import JpegImageFile

from app.images.contents import ByPillow, Contents, Opened, WatchedFile
from app.images.exif import orientation
from app.images.limits import STEPS, Budget, ImageLimits, ImageTooLargeError

# Encoders make about ten; the finest division that makes sense has some hundreds.
MAX_SCANS = 500

_SCAN = b"\xff\xda"
# What is 00 is data, and what is FF is padding before the marker itself.
_MARKER = re.compile(rb"\xff([\x01-\xfe])")
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_START_OF_SCAN, _END, _EXIF = 0xDA, 0xD9, 0xE1
# Of the application segments these say what the colours are, JFIF's and Adobe's, if long enough.
_COLOURS = frozenset({0xE0, 0xEE})
_ADOBE = 0xEE
# Heads of frames, of which C4, C8 and CC are none; the first is of baseline pictures.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BASELINE, _BITS, _FRAME_BYTES, _YCBCR = 0xC0, 8, 13, bytes([1, 2, 3])
_SHORTEST_COLOURS = 16


@dataclass(frozen=True)
class _Frame:
    """What the head says of a baseline picture of 8 bits, in grey or in YCbCr."""

    width: int
    height: int

    @classmethod
    def of(cls, segment: bytes, *, has_colours: bool) -> _Frame | None:
        """Read a baseline frame's head; None where the picture is not of the usual kind."""
        if len(segment) < _FRAME_BYTES or segment[4] != _BITS:
            return None
        height, width = int.from_bytes(segment[5:7]), int.from_bytes(segment[7:9])
        ids = segment[10::3]
        is_usual = len(ids) == 1 or (ids == _YCBCR and not has_colours)
        return cls(width, height) if width and height and is_usual else None


@dataclass(frozen=True)
class _InOneGo:
    """A usual picture: the pixels are Pillow's, in less time, since both have libjpeg-turbo."""

    file: bytes
    frame: _Frame
    budget: Budget

    @property
    def size(self) -> tuple[int, int]:
        return self.frame.width, self.frame.height

    def pixels(self, *, keep_alpha: bool) -> NDArray[np.uint8]:
        self.budget.check(STEPS)
        try:
            pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(self.file, "RGB", strict=True)
        except ValueError:
            # What is remarkable about it Pillow judges.
            return _by_pillow(self.file, self.budget).pixels(keep_alpha=keep_alpha)
        return pixels


def read(data: bytes, limits: ImageLimits, budget: Budget) -> Contents:
    """Return what makes the pixels; raises ImageTooLargeError for too many scans."""
    kept = [b"\xff\xd8"]
    exif, frames, has_colours = None, list[bytes](), False
    for marker, start, end in _segments(data, 2, budget):
        if marker == _START_OF_SCAN:
            _check_scans(data, start, budget)
            kept.append(data[start:])
            break
        if marker == _EXIF and exif is None and data[start + 4 : start + 10] == b"Exif\0\0":
            exif = data[start + 4 : end]
        if marker < 0xE0 or (marker in _COLOURS and end - start >= _SHORTEST_COLOURS):
            kept.append(data[start:end])
        if marker in _FRAMES:
            frames.append(data[start:end])
        has_colours = has_colours or marker == _ADOBE
    file = b"".join(kept)
    frame = None
    if len(frames) == 1 and frames[0][1] == _BASELINE and file.count(_SCAN) == 1:
        frame = _Frame.of(frames[0], has_colours=has_colours)

    def opened() -> Opened:
        return _by_pillow(file, budget) if frame is None else _InOneGo(file, frame, budget)

    return Contents(open=opened, orientation=orientation(exif))


def _by_pillow(data: bytes, budget: Budget) -> ByPillow:
    # Not by way of Image.open, which makes several pictures of one with a preview at its end.
    file = _JpegFile(data, budget)
    image = JpegImageFile(file)
    file.ends_before_scans = True
    return ByPillow(image)


class _JpegFile(WatchedFile):
    """A file whose blocks end before each scan, once the head is read."""

    ends_before_scans = False

    def read(self, size: int | None = -1, /) -> bytes:
        start = self.tell()
        block = super().read(size)
        if self.ends_before_scans:
            self._budget.check(STEPS)
            next_scan = block.find(_SCAN, len(_SCAN))
            if next_scan != -1:
                self.seek(start + next_scan)
                return block[:next_scan]
        return block


def _segments(data: bytes, start: int, budget: Budget) -> Iterator[tuple[int, int, int]]:
    """Yield marker, start and end of each segment that has a length, up to the picture's end."""
    while found := _MARKER.search(data, start):
        budget.check()
        marker, start = found[1][0], found.start()
        if marker == _END:
            return
        if marker in _ALONE:
            start += 2
            continue
        end = start + 2 + int.from_bytes(data[start + 2 : start + 4])
        if end < start + 4:
            return
        yield marker, start, end
        start = end


def _check_scans(data: bytes, start: int, budget: Budget) -> None:
    # The quick count is too high where other data follow the picture, or lie between its scans.
    if data.count(_SCAN, start) <= MAX_SCANS:
        return
    scans = sum(marker == _START_OF_SCAN for marker, _, _ in _segments(data, start, budget))
    if scans > MAX_SCANS:
        raise ImageTooLargeError("scans", scans, MAX_SCANS)
