"""Writes small ONNX files by hand: the `onnx` package is no dependency."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.kinds.kind import LoadedModel, ModelSource
from app.kinds.onnx import Onnx
from app.kinds.tensors import Tensors

_KINDS = {"float32": 1, "uint8": 2, "int32": 6, "int64": 7, "str": 8, "float16": 10, "float64": 11}
Side = int | str | None


def message(*fields: tuple[int, Any]) -> bytes:
    """Return a message of fields: whole numbers, texts or messages by their numbers."""
    return b"".join(_field(number, value) for number, value in fields)


def value_info(name: str, kind: str, shape: Sequence[Side] | None) -> bytes:
    """Return what an input or an output is; a side may have a name, or be open."""
    sides = [
        (1, message((1, side) if isinstance(side, int) else (2, side or "")))
        for side in shape or ()
    ]
    shaped = [(2, message(*sides))] if shape is not None else []
    return message((1, name), (2, message((1, message((1, _KINDS[kind]), *shaped)))))


def tensor(name: str, array: np.ndarray, *, dims: Sequence[int] | None = None) -> bytes:
    """Return a weight; `dims` may tell of another shape than it has."""
    sides = [(1, side) for side in (array.shape if dims is None else dims)]
    return message(*sides, (2, _KINDS[array.dtype.name]), (8, name), (9, array.tobytes()))


def external(name: str, dims: Sequence[int], **where: str) -> bytes:
    """Return a weight of float32 that lies in another file."""
    entries = [(13, message((1, key), (2, value))) for key, value in where.items()]
    return message(*((1, side) for side in dims), (2, 1), (8, name), *entries, (14, 1))


def node(op: str, inputs: str, outputs: str, *attributes: bytes, domain: str = "") -> bytes:
    """Return a node; names are parted by spaces."""
    ends = [*((1, one) for one in inputs.split()), *((2, one) for one in outputs.split())]
    return message(*ends, (4, op), *((5, one) for one in attributes), (7, domain))


def attribute(name: str, value: int | Sequence[int] | Sequence[str]) -> bytes:
    """Return an attribute of a node: a whole number, or a list of them or of texts."""
    if isinstance(value, int):
        return message((1, name), (3, value), (20, 2))
    if all(isinstance(one, int) for one in value):
        return message((1, name), *((8, one) for one in value), (20, 7))
    return message((1, name), *((9, one) for one in value), (20, 8))


def write(
    path: Path,
    nodes: Sequence[bytes],
    *,
    inputs: Sequence[bytes],
    outputs: Sequence[bytes],
    weights: Sequence[bytes] = (),
    opset: int = 17,
) -> Path:
    """Write a file, and return its path."""
    graph = message(
        *((1, one) for one in nodes),
        (2, "graph"),
        *((5, one) for one in weights),
        *((11, one) for one in inputs),
        *((12, one) for one in outputs),
    )
    opsets = [(8, message((1, domain), (2, version))) for domain, version in _opsets(opset)]
    path.write_bytes(message((1, 8), (2, "by hand"), (7, graph), *opsets))
    return path


def doubler(path: Path, *, weight: bytes | None = None, **more: Any) -> Path:
    """Write a graph that doubles pairs of numbers."""
    return write(
        path,
        [node("Mul", "x two", "y")],
        inputs=[value_info("x", "float32", ["batch", 2])],
        outputs=[value_info("y", "float32", ["batch", 2])],
        weights=[weight or tensor("two", np.full(2, 2, np.float32))],
        **more,
    )


def source(path: Path, labels: tuple[str, ...] | None = None, **options: Any) -> ModelSource:
    """Return a file as the server finds it."""
    return ModelSource("model", 1, path, path.parent, options, labels)


def load(path: Path, labels: tuple[str, ...] | None = None, **options: Any) -> LoadedModel:
    """Load a file with what its `model.yaml` might say, and warm it."""
    model = Onnx().load(source(path, labels, **options))
    model.warm_up()
    return model


def ask(model: LoadedModel, *instances: Mapping[str, np.ndarray]) -> list[Tensors]:
    """Return the outputs for instances, checked, in one call."""
    for one in instances:
        model.check(one)
    return model.predict(instances, [{}] * len(instances))


def _opsets(opset: int) -> list[tuple[str, int]]:
    return [("", opset), ("ai.onnx.ml", 3), ("com.example", 1)]


def _field(number: int, value: Any) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    if isinstance(value, float):
        return _varint(number << 3 | 5) + struct.pack("<f", value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    data, value = b"", value & (2**64 - 1)
    while value >= 0x80:
        data, value = data + bytes([value & 0x7F | 0x80]), value >> 7
    return data + bytes([value])
