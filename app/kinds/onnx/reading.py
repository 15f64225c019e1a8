"""What an ONNX file says, without a runtime: its ops, its weights' sizes, and where they lie."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

from app.kinds.kind import ModelError
from app.kinds.onnx.protobuf import Reader, Value, WireError, integers, part, text

# Numbers of fields in onnx.proto3.
_IR_VERSION, _PRODUCER, _GRAPH, _OPSET, _FUNCTION = 1, 2, 7, 8, 25
_NODE, _INITIALIZER, _SPARSE, _FUNCTION_NODE = 1, 5, 15, 7
_INPUT, _OUTPUT, _OP_TYPE, _ATTRIBUTE, _DOMAIN = 1, 2, 4, 5, 7
_TENSOR, _SUBGRAPH, _TENSORS, _SUBGRAPHS, _SPARSE_TENSOR, _SPARSE_TENSORS = 5, 6, 10, 11, 22, 23
_DIMS, _DATA_TYPE, _NAME, _EXTERNAL = 1, 2, 8, 13
_SPARSE_VALUES, _SPARSE_DIMS = 1, 3
_DEEPEST = 50
_MOST_SIDES = 64
# About ten seconds; a graph of 10,000 nodes has 400,000.
_MOST_FIELDS = 4_000_000
_NOTHING = memoryview(b"")
# Bits an element, by the number of its type; text has none of its own.
_BITS = {
    **dict.fromkeys((2, 3, 9, 17, 18, 19, 20, 24), 8),
    **dict.fromkeys((4, 5, 10, 16), 16),
    **dict.fromkeys((1, 6, 12), 32),
    **dict.fromkeys((7, 11, 13, 14), 64),
    15: 128,
    **dict.fromkeys((21, 22, 23), 4),
}


@dataclass(frozen=True)
class Weights:
    """A tensor of the file: the bytes that its shape makes, and where else it is, if it is."""

    name: str
    declared_bytes: int
    external: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Node:
    """One node of the graph."""

    op: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class OnnxFile:
    """What a file holds; `weights` are those of subgraphs and of constants too."""

    producer: str
    opsets: dict[str, int]
    nodes: tuple[Node, ...]
    weights: tuple[Weights, ...]

    @property
    def opset(self) -> int:
        """The version of ONNX's own ops."""
        return self.opsets.get("", self.opsets.get("ai.onnx", 0))

    @property
    def external(self) -> list[Weights]:
        """The weights that lie in other files."""
        return [one for one in self.weights if "location" in one.external]

    def maker_of(self, tensor: str) -> Node | None:
        """Return the node whose output a tensor is; None for an input or a weight."""
        return next((node for node in self.nodes if tensor in node.outputs), None)


def is_onnx(path: Path) -> bool:
    """Say whether the file's outermost fields are a model's; never raises."""
    try:
        numbers = {number for number, _ in Reader(_MOST_FIELDS).fields(_mapped(path))}
    except (WireError, OSError, ValueError):
        return False
    return {_IR_VERSION, _GRAPH} <= numbers


def read(path: Path) -> OnnxFile:
    """Return what the file holds; raises ModelError, or OSError."""
    try:
        return _Reading().file(_mapped(path))
    except (WireError, ValueError) as error:
        raise ModelError(
            f"{path.name} is cut short or no ONNX file: {error}; copy or export it again"
        ) from None


def _mapped(path: Path) -> memoryview:
    # Freed with the last slice of it; weights are looked at by their lengths alone.
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


class _Reading:
    """One file's, whose fields are counted."""

    def __init__(self) -> None:
        self._fields = Reader(_MOST_FIELDS).fields

    def file(self, message: memoryview) -> OnnxFile:
        producer, opsets, nodes, weights = "", {}, [], []
        has_graph = False
        for number, value in self._fields(message):
            if number == _PRODUCER:
                producer = text(value)
            elif number == _OPSET:
                told = dict(self._fields(part(value)))
                opsets[text(told[1]) if 1 in told else ""] = _number(told.get(2, 0))
            elif number == _GRAPH:
                has_graph = True
                nodes += list(self._nodes(part(value)))
                weights += list(self._weights(part(value), _NODE, 0))
            elif number == _FUNCTION:
                weights += list(self._weights(part(value), _FUNCTION_NODE, 0))
        if not has_graph:
            raise WireError("it has no graph")
        return OnnxFile(producer, opsets, tuple(nodes), tuple(weights))

    def _nodes(self, graph: memoryview) -> Iterator[Node]:
        for number, value in self._fields(graph):
            if number == _NODE:
                names: dict[int, list[str]] = {_INPUT: [], _OUTPUT: [], _OP_TYPE: [], _DOMAIN: []}
                for inner, told in self._fields(part(value)):
                    if inner in names:
                        names[inner].append(text(told))
                ends = tuple(names[_INPUT]), tuple(names[_OUTPUT])
                yield Node("".join(names[_OP_TYPE]), "".join(names[_DOMAIN]), *ends)

    def _weights(self, graph: memoryview, node: int, depth: int) -> Iterator[Weights]:
        """Yield the tensors of a graph or a function, those of its nodes' attributes too."""
        if depth > _DEEPEST:
            raise WireError(f"graphs lie more than {_DEEPEST} deep in each other")
        for number, value in self._fields(graph):
            if number == node:
                for inner, attribute in self._fields(part(value)):
                    if inner == _ATTRIBUTE:
                        yield from self._attribute_weights(part(attribute), depth)
            elif node == _NODE and number == _INITIALIZER:
                yield self._tensor(part(value))
            elif node == _NODE and number == _SPARSE:
                yield from self._sparse(part(value))

    def _attribute_weights(self, attribute: memoryview, depth: int) -> Iterator[Weights]:
        for number, value in self._fields(attribute):
            if number in (_TENSOR, _TENSORS):
                yield self._tensor(part(value))
            elif number in (_SPARSE_TENSOR, _SPARSE_TENSORS):
                yield from self._sparse(part(value))
            elif number in (_SUBGRAPH, _SUBGRAPHS):
                yield from self._weights(part(value), _NODE, depth + 1)

    def _tensor(self, message: memoryview) -> Weights:
        name, sides, kind = "", [], 0
        external: dict[str, str] = {}
        for number, value in self._fields(message):
            if number == _DIMS:
                sides += integers(value, _MOST_SIDES)
            elif number == _DATA_TYPE:
                kind = _number(value)
            elif number == _NAME:
                name = text(value)
            elif number == _EXTERNAL:
                entry = dict(self._fields(part(value)))
                external[text(entry.get(1, _NOTHING))] = text(entry.get(2, _NOTHING))
        return Weights(name, _bytes(sides, kind), external)

    def _sparse(self, message: memoryview) -> Iterator[Weights]:
        """Yield the values, and what they become: ONNX Runtime fills them up with zeros."""
        sides, kind = [], 1
        for number, value in self._fields(message):
            if number == _SPARSE_DIMS:
                sides += integers(value, _MOST_SIDES)
            elif number == _SPARSE_VALUES:
                yield self._tensor(part(value))
                kinds = (one for at, one in self._fields(part(value)) if at == _DATA_TYPE)
                kind = _number(next(kinds, kind))
        yield Weights("a sparse tensor", _bytes(sides, kind))


def _bytes(sides: list[int], kind: int) -> int:
    if len(sides) > _MOST_SIDES:
        raise WireError(f"a tensor has more than {_MOST_SIDES} sides")
    if min(sides, default=0) < 0:
        raise WireError("a tensor has a side of less than nothing")
    return prod(sides) * _BITS.get(kind, 0) // 8


def _number(value: Value) -> int:
    if not isinstance(value, int):
        raise WireError("a message stands where a number is expected")
    return value
