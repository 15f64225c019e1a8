"""JPEG: the head without its remarks, and scans one at a time.

A progressive picture may have any number of scans, each of which goes over every pixel: a few
kilobytes can keep a decoder busy for hours. So there is a limit to their number, and Pillow gets
the file in pieces that end before each, with a look at the clock in between.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from PIL.JpegImagePlugin import JpegImageFile

from app.images.contents import ByPillow, Contents, WatchedFile
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
_SHORTEST_COLOURS = 16


def read(data: bytes, limits: ImageLimits, budget: Budget) -> Contents:
    """Return what makes the pixels; raises ImageTooLargeError for too many scans."""
    kept = [b"\xff\xd8"]
    exif = None
    for marker, start, end in _segments(data, 2, budget):
        if marker == _START_OF_SCAN:
            _check_scans(data, start, budget)
            kept.append(data[start:])
            break
        if marker == _EXIF and exif is None and data[start + 4 : start + 10] == b"Exif\0\0":
            exif = data[start + 4 : end]
        if marker < 0xE0 or (marker in _COLOURS and end - start >= _SHORTEST_COLOURS):
            kept.append(data[start:end])
    file = _JpegFile(b"".join(kept), budget)
    return Contents(open=lambda: ByPillow(_open(file)), orientation=orientation(exif))


def _open(file: _JpegFile) -> JpegImageFile:
    # Not by way of Image.open, which makes several pictures of one with a preview at its end.
    image = JpegImageFile(file)
    file.ends_before_scans = True
    return image


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
