"""TIFF: the first page's directory, with the entries that its pixels need and no other.

It is written anew at the file's end, as the only one. So neither a chain of pages nor directories
within directories lead anywhere, no profile or text of the file is looked at, and no entry counts
more values than a picture has use for.
"""

from __future__ import annotations

import ctypes
import itertools
import struct
from pathlib import Path

from PIL.TiffImagePlugin import TiffImageFile

from app.images.contents import Contents, WatchedFile
from app.images.exif import Directories, Entry, orientation_in
from app.images.limits import Budget, ImageLimits, ImageTooLargeError
from mrcnn.pictures.pixels import Samples

#: The most values of one entry: tiles of 16 x 16 pixels of a picture of 67 million.
MAX_VALUES = 1 << 18
#: The most scans of a JPEG in a strip or tile. libtiff takes them in one piece, without a clock.
MAX_SCANS = 16

_BITS, _COMPRESSION, _PHOTOMETRIC, _STRIPS = 258, 259, 262, 273
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _EXTRA, _SAMPLE_FORMAT = 322, 323, 324, 338, 339
_WIDTH_TO_FILL_ORDER = (256, 257, _BITS, _COMPRESSION, _PHOTOMETRIC, 266)
_ARRANGEMENT = (_STRIPS, 277, 278, 279, 284, _TILE_WIDTH, _TILE_HEIGHT, _TILES, 325)
_COLOURS = (317, 320, 332, _EXTRA, _SAMPLE_FORMAT, 529, 530, 531, 532)
_CODECS = (292, 293, 347, *range(512, 522), 50674)
_KEPT = frozenset((*_WIDTH_TO_FILL_ORDER, *_ARRANGEMENT, *_COLOURS, *_CODECS))
_JPEG = 7
_UNSIGNED, _SIGNED = 1, 2
_ALPHA, _WITH_ALPHA = 2, (1, 2, 3)


def _silence_libtiff() -> None:
    """Keep libtiff from writing to stderr what it finds, which may be a line for every row."""
    libraries = {line.split()[-1] for line in _mapped() if "libtiff" in line}
    for library in libraries:
        for handler in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
            getattr(ctypes.CDLL(library), handler)(None)


def _mapped() -> list[str]:
    try:
        return Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return []


_silence_libtiff()


def read(data: bytes, limits: ImageLimits, budget: Budget) -> Contents:
    """Return what makes the first page; raises ValueError or ImageTooLargeError."""
    try:
        directories = Directories(data)
        kept = _kept(directories)
        _check_tiles(directories, kept, limits)
        _check_scans(directories, kept, data)
        turn = orientation_in(directories, directories.entries(directories.first))
        samples = _plain_samples(directories, kept)
        frames = _count_pages(directories, limits, budget)
    except struct.error as error:
        raise ValueError("a directory ends too early") from error
    entries = [kept[tag] for tag in sorted(kept)]
    file = WatchedFile(_rewritten(data, directories, entries), budget)
    return Contents(
        open=lambda: TiffImageFile(file),
        orientation=turn,
        frames=frames,
        samples=samples,
    )


def _kept(directories: Directories) -> dict[int, Entry]:
    """Return the first page's entries that make pixels, by tag."""
    kept: dict[int, Entry] = {}
    for entry in directories.entries(directories.first):
        if entry.tag in _KEPT and entry.tag not in kept:
            if entry.count > MAX_VALUES:
                values = f"values in tag {entry.tag}"
                raise ImageTooLargeError(values, entry.count, MAX_VALUES)
            kept[entry.tag] = entry
    return kept


def _plain_samples(directories: Directories, kept: dict[int, Entry]) -> Samples:
    """Return how wide samples are written, and let the entries say it in a way that Pillow knows.

    It knows neither those that count from white, nor all of the unsigned ones of 32 bits, and drops
    a fourth channel that does not say what it is.
    """
    bits = _number(directories, kept, _BITS) or 1
    written = _number(directories, kept, _SAMPLE_FORMAT) or _UNSIGNED
    photometric = _number(directories, kept, _PHOTOMETRIC)
    is_white_zero = photometric == 0 and bits > 8
    if is_white_zero:
        kept[_PHOTOMETRIC] = directories.entry(_PHOTOMETRIC, 1)
    is_one_more = _EXTRA in kept and kept[_EXTRA].count == 1
    if is_one_more and _number(directories, kept, _EXTRA) == 0 and photometric in _WITH_ALPHA:
        kept[_EXTRA] = directories.entry(_EXTRA, _ALPHA)
    if bits == 32 and written == _UNSIGNED:
        kept[_SAMPLE_FORMAT] = directories.entry(_SAMPLE_FORMAT, _SIGNED)
    return Samples(bits=bits, is_signed=written == _SIGNED, is_white_zero=is_white_zero)


def _number(directories: Directories, kept: dict[int, Entry], tag: int) -> int | None:
    return directories.number(kept[tag]) if tag in kept else None


def _check_tiles(directories: Directories, kept: dict[int, Entry], limits: ImageLimits) -> None:
    """Refuse tiles of more pixels than a picture may have: libtiff takes memory for a whole one."""
    width = _number(directories, kept, _TILE_WIDTH) or 0
    height = _number(directories, kept, _TILE_HEIGHT) or 0
    if width * height > limits.max_pixels:
        raise ImageTooLargeError("pixels", width * height, limits.max_pixels, "the picture's tile")


def _check_scans(directories: Directories, kept: dict[int, Entry], data: bytes) -> None:
    if _number(directories, kept, _COMPRESSION) == _JPEG:
        strips = max((kept[tag].count for tag in (_STRIPS, _TILES) if tag in kept), default=1)
        scans, limit = data.count(b"\xff\xda"), MAX_SCANS * max(1, strips)
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


def _rewritten(data: bytes, directories: Directories, kept: list[Entry]) -> bytes:
    """Return the file with a directory of the entries at its end, and its head leading there."""
    place = len(data) + len(data) % 2
    head = data[: 8 if directories.is_big else 4] + directories.pack_word(place)
    return b"".join([head, data[len(head) :], bytes(place - len(data)), directories.pack(kept)])
