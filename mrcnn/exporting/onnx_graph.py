"""An ONNX graph while it is written: nodes in their order, numbers once each, names for all."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import helper

#: What ONNX Runtime 1.15, of 2023, runs as well as those after it.
OPSET, IR_VERSION = 18, 8

#: How OpenVINO names what nobody named: the type, and a number that counts on in a process.
_UNNAMED = re.compile(r"[A-Za-z]+_\d+")

#: Of what a node gives, or of numbers.
Name = str


class OnnxGraph:
    """Nodes and numbers so far."""

    def __init__(self) -> None:
        self._model = onnx.ModelProto(ir_version=IR_VERSION, producer_name="slipway")
        self._nodes: dict[Name, onnx.NodeProto] = {}
        self._names: dict[tuple[str, tuple[int, ...], bytes], Name] = {}
        self._counts: dict[str, int] = {}

    def add(
        self, kind: str, *inputs: Name, of: str = "", outputs: int = 1, **attributes: Any
    ) -> tuple[Name, ...]:
        """Add a node, and return the names of what it gives.

        Args:
            kind: its type.
            inputs: an empty one is left out.
            of: what it was called; what nobody named is called by its type.
            outputs: how many it gives.
        """
        name = self._own(of, kind)
        given = (name, *(f"{name}/{index}" for index in range(1, outputs)))
        self._nodes[name] = helper.make_node(kind, inputs, given, name, **attributes)
        return given

    def constant(self, values: ArrayLike, kind: Any = None, *, of: str = "") -> Name:
        """Return the name of numbers; what is there already is not kept twice."""
        array = np.asarray(values, kind, order="C")
        digest = hashlib.blake2b(array.data, digest_size=16).digest()
        key = array.dtype.str, array.shape, digest
        if key not in self._names:
            self._names[key] = name = self._own(of, "numbers")
            # In their place at once: each copy of all is as large as the network.
            self._model.graph.initializer.add(
                name=name,
                data_type=helper.np_dtype_to_tensor_dtype(array.dtype),
                dims=array.shape,
                raw_data=array.tobytes(),
            )
        return self._names[key]

    def type_of(self, name: Name) -> str | None:
        """Return the type of the node that is called so; None for numbers."""
        return self._nodes[name].op_type if name in self._nodes else None

    def extend(self, name: Name, further: Name) -> None:
        """Give a node that nothing reads yet one input more, that may have come after it."""
        node = self._nodes.pop(name)
        node.input.append(further)
        self._nodes[name] = node

    def model(
        self, inputs: Sequence[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto]
    ) -> onnx.ModelProto:
        """Return all of it that an output is made of; nothing can be added then."""
        needed = {output.name for output in outputs}
        nodes = []
        for node in reversed(self._nodes.values()):
            if needed.intersection(node.output):
                needed.update(node.input)
                nodes.append(node)
        graph = self._model.graph
        for place in reversed(range(len(graph.initializer))):
            if graph.initializer[place].name not in needed:
                del graph.initializer[place]
        graph.name = "mask_rcnn"
        graph.node.extend(reversed(nodes))
        graph.input.extend(inputs)
        graph.output.extend(outputs)
        self._model.opset_import.append(helper.make_opsetid("", OPSET))
        return self._model

    def _own(self, of: str, kind: str) -> Name:
        """Return a name that nothing has: the same ones in each process, as OpenVINO's are not."""
        wanted = kind if not of or _UNNAMED.fullmatch(of) else of
        count = self._counts[wanted] = self._counts.get(wanted, 0) + 1
        return wanted if count == 1 else f"{wanted}/{count}"
