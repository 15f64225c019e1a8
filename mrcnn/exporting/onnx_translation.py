"""A whole graph of OpenVINO's as ONNX has it, operation by operation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import onnx
from onnx import helper

from mrcnn.exporting.onnx_graph import Name, OnnxGraph
from mrcnn.exporting.onnx_nodes import refused, type_of
from mrcnn.exporting.onnx_operations import TRANSLATORS


def translated(model: Any, sides: Mapping[str, Sequence[str]]) -> onnx.ModelProto:
    """Return an `openvino.Model` as ONNX; raises ExportError for what ONNX is not known to have.

    Args:
        sides: the names of an input's or output's sides, for those that are free.
    """
    graph = OnnxGraph()
    names: dict[tuple[str, int], Name] = {}
    inputs = [_value(one, one.get_any_name(), sides) for one in model.inputs]
    outputs = [_value(one, one.get_any_name(), sides) for one in model.outputs]
    for node in model.get_ordered_ops():
        kind, name = node.get_type_name(), node.get_friendly_name()
        given = [_named(names, value) for value in node.input_values()]
        found: Sequence[Name]
        if kind == "Parameter":
            found = [name]
        elif kind == "Constant":
            found = [graph.constant(node.get_data(), of=name)]
        elif kind == "Result":
            found = graph.add("Identity", *given, of=name)
        elif kind in TRANSLATORS:
            found = TRANSLATORS[kind](graph, node, given)
        else:
            raise refused(node, "nothing here translates it")
        names |= {(node.get_name(), place): one for place, one in enumerate(found)}
    return graph.model(inputs, outputs)


def _named(names: Mapping[tuple[str, int], Name], value: Any) -> Name:
    """Return the name of what a node gives; friendly names are not always names of one alone."""
    node, place = value.get_node(), value.get_index()
    if (node.get_name(), place) not in names:
        raise refused(node, f"its output {place} is read")
    return names[node.get_name(), place]


def _value(value: Any, name: str, sides: Mapping[str, Sequence[str]]) -> onnx.ValueInfoProto:
    shape = [
        side.get_length() if side.is_static else free
        for side, free in zip(value.get_partial_shape(), sides[name], strict=True)
    ]
    return helper.make_tensor_value_info(name, type_of(value), shape)
