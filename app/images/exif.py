"""The one thing of EXIF that a prediction needs: how the picture is to be turned; and the turning.

EXIF is a TIFF directory, so the reader of both is here. Nothing in it can refuse a picture: a block
that cannot be read asks for no turn.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ORIENTATION = 0x0112
# The types that hold whole numbers, with their sizes in struct's letters.
_NUMBERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q"}
_SHORT = 3
_SIGNATURE = b"Exif\0\0"
# A classic directory cannot have more; BigTIFF's own count has 64 bits.
_MOST_ENTRIES = 65_535
# Where EXIF's orientation says the stored first row and column are: transposed or not, then
# mirrored top to bottom, left to right.
_TURNS = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


@dataclass(frozen=True)
class Entry:
    """One entry of a directory; `raw` is all of it as it stands in the file."""

    tag: int
    kind: int
    count: int
    raw: bytes


class Directories:
    """The directories of a TIFF file, or of an EXIF block.

    Each method raises ValueError or struct.error where the file ends too early.
    """

    def __init__(self, data: bytes) -> None:
        order = {b"II": "<", b"MM": ">"}.get(data[:2])
        if order is None:
            raise ValueError("there is no byte order")
        self._data = data
        self._order = order
        self.is_big = 43 in data[2:4]
        self._word = struct.Struct(order + ("Q" if self.is_big else "I"))
        self._count = struct.Struct(order + ("Q" if self.is_big else "H"))
        self._head = struct.Struct(order + ("HHQ" if self.is_big else "HHI"))
        self.first = self._at(self._word, 8 if self.is_big else 4)
        """Where the first directory begins."""

    def entries(self, offset: int) -> Iterator[Entry]:
        """Yield a directory's entries, as many of them as the file holds."""
        size = self._head.size + self._word.size
        start = offset + self._count.size
        announced = self._at(self._count, offset)
        for index in range(min(announced, (len(self._data) - start) // size, _MOST_ENTRIES)):
            raw = self._data[start + index * size : start + (index + 1) * size]
            tag, kind, count = self._head.unpack_from(raw)
            yield Entry(tag, kind, count, raw)

    def next(self, offset: int) -> int:
        """Return where the directory after this one begins; 0 when it is the last."""
        count = self._at(self._count, offset)
        end = offset + self._count.size + count * (self._head.size + self._word.size)
        return self._at(self._word, end) if end + self._word.size <= len(self._data) else 0

    def number(self, entry: Entry) -> int | None:
        """Return the first value of an entry; None where it is no whole number."""
        letter = _NUMBERS.get(entry.kind)
        if letter is None or entry.count < 1:
            return None
        value = struct.Struct(self._order + letter)
        if value.size * entry.count <= self._word.size:
            return int(value.unpack_from(entry.raw, self._head.size)[0])
        return self._at(value, self._word.unpack_from(entry.raw, self._head.size)[0])

    def entry(self, tag: int, value: int) -> Entry:
        """Return an entry of one short number."""
        value_raw = struct.pack(self._order + "H", value).ljust(self._word.size, b"\0")
        return Entry(tag, _SHORT, 1, self._head.pack(tag, _SHORT, 1) + value_raw)

    def pack(self, entries: list[Entry]) -> bytes:
        """Return a directory of these entries, which is the last of its file."""
        count = self._count.pack(len(entries))
        return b"".join([count, *(entry.raw for entry in entries), self._word.pack(0)])

    def pack_word(self, value: int) -> bytes:
        """Return an offset as the file writes it."""
        return self._word.pack(value)

    def _at(self, number: struct.Struct, place: int) -> int:
        if place > len(self._data):
            raise ValueError(f"there is no byte {place:,}")
        return int(number.unpack_from(self._data, place)[0])


def orientation(block: bytes | None) -> int:
    """Return EXIF's orientation, 1 to 8; 1 where the block does not tell one."""
    # Some writers put the signature twice.
    block = (block or b"").removeprefix(_SIGNATURE).removeprefix(_SIGNATURE)
    try:
        directories = Directories(block)
        return orientation_in(directories, directories.entries(directories.first))
    except (ValueError, struct.error):
        return 1


def orientation_in(directories: Directories, entries: Iterator[Entry]) -> int:
    """Return the orientation that one of the entries tells, or 1."""
    for entry in entries:
        if entry.tag == _ORIENTATION:
            value = directories.number(entry)
            return value if value is not None and 1 <= value <= 8 else 1
    return 1


def upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Return the pixels turned as EXIF's orientation, 1 to 8, asks."""
    is_transposed, is_flipped, is_mirrored = _TURNS[orientation]
    turned = pixels.swapaxes(0, 1) if is_transposed else pixels
    turned = turned[:: -1 if is_flipped else 1, :: -1 if is_mirrored else 1]
    return np.ascontiguousarray(turned)
