"""Reads protobuf's wire format, as far as ONNX files need it: fields by their numbers, not copied.

The `onnx` package has 30 MB of classes for what takes a page here; ONNX Runtime tells of a graph
neither its ops nor where its weights are.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

Value = int | float | memoryview
_VARINT, _DOUBLE, _BYTES, _FLOAT = 0, 1, 2, 5
_FIXED = {_DOUBLE: struct.Struct("<d"), _FLOAT: struct.Struct("<f")}


class WireError(Exception):
    """Bytes that are no message."""


def fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """Yield each field's number and value; raises WireError where the message is cut short."""
    at, size = 0, len(message)
    while at < size:
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield number, value
        elif kind == _BYTES:
            length, at = _varint(message, at)
            if at + length > size:
                raise WireError(f"a field of {length:,} bytes in {size - at:,}")
            yield number, message[at : at + length]
            at += length
        elif kind in _FIXED:
            form = _FIXED[kind]
            if at + form.size > size:
                raise WireError("a number is cut short")
            yield number, form.unpack_from(message, at)[0]
            at += form.size
        else:
            raise WireError(f"a field of the kind {kind}")


def integers(value: Value) -> list[int]:
    """Return a repeated field's whole numbers: one, or several that are packed."""
    if not isinstance(value, memoryview):
        return [_signed(int(value))]
    found, at = [], 0
    while at < len(value):
        number, at = _varint(value, at)
        found.append(_signed(number))
    return found


def text(value: Value) -> str:
    """Return a field's text; raises WireError for one that has none."""
    return bytes(part(value)).decode("utf-8", "replace")


def part(value: Value) -> memoryview:
    """Return the message that a field holds; raises WireError for one that is a number."""
    if not isinstance(value, memoryview):
        raise WireError("a number stands where a message is expected")
    return value


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            break
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value & (2**64 - 1), at
    raise WireError("a number is cut short")


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value
