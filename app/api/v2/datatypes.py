"""The Open Inference Protocol's types of tensors, and their elements as bytes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: What the type of text and files is called.
BYTES = "BYTES"

#: The protocol's names and numpy's.
NUMBERS = {
    "BOOL": "bool",
    **{f"UINT{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
    **{f"INT{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": f"float{bits}" for bits in (16, 32, 64)},
}
_NAMES = {dtype: name for name, dtype in NUMBERS.items()}
_LENGTH = struct.Struct("<I")


def name_of(dtype: str) -> str:
    """Return the protocol's name of a type as signatures have it."""
    return BYTES if dtype in ("bytes", "object") else _NAMES[dtype]


def texts_of(data: bytes) -> list[bytes]:
    """Return the elements of a tensor of BYTES; raises ValueError where the lengths do not fit."""
    found, start = [], 0
    while start < len(data):
        end = start + _LENGTH.size
        if end > len(data):
            raise ValueError("the length of an element is cut off")
        (length,) = _LENGTH.unpack_from(data, start)
        start, end = end, end + length
        if end > len(data):
            raise ValueError(f"an element of {length:,} bytes is cut off")
        found.append(data[start:end])
        start = end
    return found


def bytes_of(array: NDArray[Any]) -> bytes:
    """Return a tensor's elements in row-major order, little-endian; text after its length."""
    if array.dtype == object:
        return b"".join(_LENGTH.pack(len(text)) + text for text in array.ravel().tolist())
    return np.ascontiguousarray(array).tobytes()


def texts(values: Sequence[bytes]) -> NDArray[Any]:
    """Return an array of text."""
    array = np.empty(len(values), object)
    for index, value in enumerate(values):
        array[index] = value
    return array
