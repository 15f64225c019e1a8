"""The directories of a TIFF file, which EXIF blocks are too: tags with their values."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# The types of an entry's values, as NumPy names them: whole numbers, then what only stands for one.
_WHOLE = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}
_OTHERS = {6: "i1", 7: "u1", 8: "i2", 9: "i4", 11: "f4", 12: "f8"}
_FRACTIONS = {5: "u4", 10: "i4"}
_LONG, _UNDEFINED = 4, 7
# A classic directory cannot have more; BigTIFF's own count has 64 bits.
_MOST_ENTRIES = 65_535


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
        self.data = data
        self.order = order
        """Of bytes in a number, in struct's letters."""
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
        for index in range(min(announced, (len(self.data) - start) // size, _MOST_ENTRIES)):
            raw = self.data[start + index * size : start + (index + 1) * size]
            tag, kind, count = self._head.unpack_from(raw)
            yield Entry(tag, kind, count, raw)

    def next(self, offset: int) -> int:
        """Return where the directory after this one begins; 0 when it is the last."""
        count = self._at(self._count, offset)
        end = offset + self._count.size + count * (self._head.size + self._word.size)
        return self._at(self._word, end) if end + self._word.size <= len(self.data) else 0

    def number(self, entry: Entry) -> int | None:
        """Return the first value of an entry; None where it is no whole number."""
        if entry.kind not in _WHOLE or entry.count < 1:
            return None
        return int(self._values(entry, _WHOLE[entry.kind], 1)[0])

    def numbers(self, entry: Entry) -> NDArray[Any]:
        """Return all values, as int64 or float64; raises ValueError where they are no numbers."""
        if entry.kind in _FRACTIONS:
            pairs = self._values(entry, _FRACTIONS[entry.kind], 2 * entry.count)
            with np.errstate(divide="ignore", invalid="ignore"):
                return pairs[::2].astype(np.float64) / pairs[1::2]
        letters = (_WHOLE | _OTHERS).get(entry.kind)
        if letters is None:
            raise ValueError(f"tag {entry.tag} holds no numbers")
        values = self._values(entry, letters, entry.count)
        return values.astype(np.float64 if letters.startswith("f") else np.int64)

    def rewritten(self, fields: Mapping[int, bytes | Sequence[int]]) -> bytes:
        """Return the file as a classic TIFF of one directory, which is at its end.

        `fields` are whole numbers, or bytes, by tag; what the old directories say is lost. Raises
        ValueError for a file too large for offsets of 32 bits.
        """
        place = len(self.data) + len(self.data) % 2
        far = place + 2 + 12 * len(fields) + 4
        entries, values = [], []
        for tag, given in sorted(fields.items()):
            if isinstance(given, bytes):
                kind, raw = _UNDEFINED, given
            else:
                kind, raw = _LONG, np.array(given, self.order + "u4").tobytes()
            if len(raw) > 4:
                values.append(raw + bytes(len(raw) % 2))
                raw, far = struct.pack(self.order + "I", far), far + len(values[-1])
            entries.append(struct.pack(self.order + "HHI4s", tag, kind, len(given), raw))
        if far >= 1 << 32:
            raise ValueError(f"it is compressed and has {len(self.data):,} bytes, 4 GiB or more")
        head = self.data[:2] + struct.pack(self.order + "HI", 42, place)
        count = struct.pack(self.order + "H", len(fields))
        padding = bytes(place - len(self.data))
        return b"".join([head, self.data[8:], padding, count, *entries, bytes(4), *values])

    def _values(self, entry: Entry, letters: str, count: int) -> NDArray[Any]:
        """Return so many values of an entry, which stand in it or elsewhere in the file."""
        kind = np.dtype(self.order + letters)
        all_values = entry.count * (2 if entry.kind in _FRACTIONS else 1)
        place, source = self._head.size, entry.raw
        if kind.itemsize * all_values > self._word.size:
            place, source = self._word.unpack_from(entry.raw, self._head.size)[0], self.data
        if place + kind.itemsize * count > len(source):
            raise ValueError(f"the values of tag {entry.tag} end after the file does")
        return np.frombuffer(source, kind, count, place)

    def _at(self, number: struct.Struct, place: int) -> int:
        if place > len(self.data):
            raise ValueError(f"there is no byte {place:,}")
        return int(number.unpack_from(self.data, place)[0])
