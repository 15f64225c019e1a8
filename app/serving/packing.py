"""Tensors as bytes: a layout that JSON can hold, and the arrays one behind the other.

No pickle: what arrives can be wrong, but it cannot run. Lengths are checked before they are
believed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.kinds.tensors import Tensors

#: Arrays of numbers are raw, little-endian as all machines are on which this runs.
_NUMBERS = frozenset(
    f"{kind}{bits}" for kind in ("int", "uint", "float") for bits in (8, 16, 32, 64)
) - {"float8"} | {"bool"}
_ITEM_BYTES = {name: np.dtype(name).itemsize for name in _NUMBERS}
_NAMES = {np.dtype(name).str: name for name in _NUMBERS} | {np.dtype(object).str: "bytes"}
#: Arrays of text: the length of each in 4 bytes, then all of it.
_TEXT = "bytes"
_LENGTH = np.dtype(np.int32)
# Each begins where a processor reads it at once.
_ALIGNMENT = 64

#: Of each array its name, its type, its shape and how many bytes it takes.
Layout = list[tuple[str, str, list[int], int]]
_PARTS = 4


class PackingError(Exception):
    """What came is no packed tensors, or cannot be packed; its text is one line."""


def pack(tensors: Tensors) -> tuple[Layout, list[memoryview]]:
    """Return the layout, and for each array its bytes; raises PackingError for other types."""
    layout: Layout = []
    parts: list[memoryview] = []
    for name, array in tensors.items():
        dtype = name_of(array)
        if dtype == _TEXT:
            data = _text_bytes(name, array)
        elif dtype in _NUMBERS:
            data = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
        else:
            raise PackingError(f"{name} is of {array.dtype}, which is neither numbers nor bytes")
        layout.append((name, dtype, list(array.shape), len(data)))
        parts.append(data)
    return layout, parts


def name_of(array: NDArray[Any]) -> str:
    """Return what signatures call the type of an array."""
    # numpy makes the name anew each time.
    code = array.dtype.str
    return _NAMES.get(code) or array.dtype.name


def aligned(parts: Sequence[memoryview]) -> Iterator[tuple[int, memoryview]]:
    """Yield each part with its offset."""
    offset = 0
    for part in parts:
        yield offset, part
        offset = _next(offset, len(part))


def size_of(layout: Layout) -> int:
    """Return how many bytes all of it takes."""
    end = offset = 0
    for *_, count in layout:
        end, offset = offset + count, _next(offset, count)
    return end


def joined(parts: Sequence[memoryview]) -> bytes:
    """Return all parts in one piece."""
    data = bytearray()
    for offset, part in aligned(parts):
        data.extend(bytes(offset - len(data)))
        data += part
    return bytes(data)


def parse_layout(value: object) -> Layout:
    """Return a layout that came as JSON; raises PackingError."""
    if not isinstance(value, list):
        raise PackingError("the header announces no list of arrays")
    return [_entry(entry) for entry in value]


def unpack(layout: Layout, data: memoryview | bytearray) -> dict[str, NDArray[Any]]:
    """Return the arrays, those of numbers as views of `data`; raises PackingError."""
    arrays: dict[str, NDArray[Any]] = {}
    offset = 0
    for name, dtype, shape, count in layout:
        if offset + count > len(data):
            raise PackingError("the arrays announced are longer than the body")
        if dtype == _TEXT:
            arrays[name] = _texts(name, memoryview(data)[offset : offset + count], shape)
        else:
            flat = np.frombuffer(data, dtype, math.prod(shape), offset) if count else np.empty(0)
            arrays[name] = flat.astype(dtype, copy=False).reshape(shape)
        offset = _next(offset, count)
    return arrays


def merged(rows: Sequence[Tensors]) -> tuple[dict[str, NDArray[Any]], bool]:
    """Return several rows as one set of tensors, and whether they are stacked.

    Those of one shape are, along a new first axis; others keep their number before their name.
    """
    first = rows[0]
    kinds = {name: (array.dtype, array.shape) for name, array in first.items()}
    if all({n: (a.dtype, a.shape) for n, a in row.items()} == kinds for row in rows[1:]):
        return {name: np.stack([row[name] for row in rows]) for name in first}, True
    return {
        f"{i}/{name}": array for i, row in enumerate(rows) for name, array in row.items()
    }, False


def parted(tensors: Tensors, count: int, is_stacked: bool) -> list[dict[str, NDArray[Any]]]:
    """Return the rows that `merged` has made one of; raises PackingError."""
    rows: list[dict[str, NDArray[Any]]] = [{} for _ in range(count)]
    for name, array in tensors.items():
        if is_stacked:
            if not array.ndim or len(array) != count:
                raise PackingError(f"{name} is not of {count} rows")
            for index, row in enumerate(rows):
                # An element of text is no array by itself.
                row[name] = array[index, ...]
            continue
        number, _, own = name.partition("/")
        if not number.isdecimal() or int(number) >= count:
            raise PackingError(f"{name} is of none of {count} rows")
        rows[int(number)][own] = array
    return rows


def _next(offset: int, count: int) -> int:
    return -(-(offset + count) // _ALIGNMENT) * _ALIGNMENT


def _entry(entry: object) -> tuple[str, str, list[int], int]:
    if isinstance(entry, list | tuple) and len(entry) == _PARTS:
        name, dtype, shape, count = entry
        is_whole = type(count) is int and isinstance(shape, list)
        if is_whole and isinstance(name, str) and isinstance(dtype, str) and _are_sides(shape):
            size = math.prod(shape)
            if dtype == _TEXT and count >= size * _LENGTH.itemsize:
                return name, dtype, shape, count
            if count == size * _ITEM_BYTES.get(dtype, -1):
                return name, dtype, shape, count
    raise PackingError(f"the header announces {entry!r:.200}, which is no array")


def _are_sides(shape: list[Any]) -> bool:
    return all(type(side) is int and side >= 0 for side in shape)


def _text_bytes(name: str, array: NDArray[Any]) -> memoryview:
    texts = array.ravel().tolist()
    if not all(isinstance(text, bytes) for text in texts):
        raise PackingError(f"{name} holds something else than bytes")
    lengths = np.fromiter(map(len, texts), _LENGTH, len(texts))
    return memoryview(lengths.tobytes() + b"".join(texts))


def _texts(name: str, data: memoryview, shape: list[int]) -> NDArray[Any]:
    count = math.prod(shape)
    lengths = np.frombuffer(data, _LENGTH, count)
    rest = data[count * _LENGTH.itemsize :]
    if (count and lengths.min() < 0) or int(lengths.sum(dtype=np.int64)) != len(rest):
        raise PackingError(f"the texts of {name} are of other lengths than announced")
    texts = np.empty(count, object)
    end = 0
    for index, length in enumerate(lengths.tolist()):
        texts[index] = bytes(rest[end : end + length])
        end += length
    return texts.reshape(shape)
