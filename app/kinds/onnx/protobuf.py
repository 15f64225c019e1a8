"""Reads protobuf's wire format, as far as ONNX files need it: fields by their numbers, not copied.

ONNX Runtime tells of a graph neither its ops nor where its weights are, and the `onnx` package
would be one more library for this page.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

Value = int | float | memoryview
_VARINT, _DOUBLE, _BYTES, _FLOAT = 0, 1, 2, 5
_FIXED = {_DOUBLE: struct.Struct("<d"), _FLOAT: struct.Struct("<f")}


class WireError(Exception):
    """Bytes that are no message."""


class Reader:
    """Reads messages, with no more than so many fields in all of them: each takes time."""

    def __init__(self, most_fields: int) -> None:
        self._left = self._most = most_fields

    def fields(self, message: memoryview) -> Iterator[tuple[int, Value]]:
        """Yield each field's number and value; raises WireError where the message is cut short."""
        at, size = 0, len(message)
        while at < size:
            self._left -= 1
            if self._left < 0:
                raise WireError(f"it has more than {self._most:,} fields")
            key, at = _varint(message, at)
            value, at = _value(message, at, key & 7)
            yield key >> 3, value


def _value(message: memoryview, at: int, kind: int) -> tuple[Value, int]:
    if kind == _VARINT:
        return _varint(message, at)
    if kind == _BYTES:
        length, at = _varint(message, at)
        if at + length > len(message):
            raise WireError(f"a field of {length:,} bytes in {len(message) - at:,}")
        return message[at : at + length], at + length
    if kind not in _FIXED:
        raise WireError(f"a field of the kind {kind}")
    form = _FIXED[kind]
    if at + form.size > len(message):
        raise WireError("a number is cut short")
    return form.unpack_from(message, at)[0], at + form.size


def integers(value: Value, most: int) -> list[int]:
    """Return a repeated field's whole numbers: one, or several that are packed."""
    if not isinstance(value, memoryview):
        return [_signed(int(value))]
    found: list[int] = []
    at = 0
    while at < len(value):
        if len(found) == most:
            raise WireError(f"a list has more than {most:,} numbers")
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
