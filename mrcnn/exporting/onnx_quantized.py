"""Layers in eight bits as ONNX has them: numbers are rounded, and at once taken for float32 again.

ONNX Runtime joins such pairs with the layers between them, and then computes in eight bits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mrcnn.exporting.onnx_graph import Name, OnnxGraph
from mrcnn.exporting.onnx_nodes import Node, constant_of, fixed, refused, require

_STEPS = 255
#: By so much of a step zero may lie beside one: what float32 rounds.
_OFF = 0.01
#: What passes numbers on as they are.
_PASSING = {"Slice", "Reshape"}


def rounded(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    """Write a FakeQuantize of 256 steps, one of which is zero."""
    require(node, levels=_STEPS + 1, auto_broadcast="numpy")
    step, zero = _steps(node)
    given = graph.constant(step), graph.constant(zero, np.uint8)
    (whole,) = graph.add("QuantizeLinear", inputs[0], *given, of=node.get_friendly_name())
    return graph.add("DequantizeLinear", whole, *given)


def _steps(node: Node) -> tuple[NDArray[np.float32], int]:
    """Return the size of a step, and which of them is zero; raises ExportError."""
    low, high, *outside = (fixed(node, place) for place in (1, 2, 3, 4))
    if low.size != 1 or high.size != 1:
        raise refused(node, "its channels have steps of their own")
    if not np.array_equal([low, high], outside):
        raise refused(node, "it gives other numbers than it takes")
    step = np.float32((high.item() - low.item()) / _STEPS)
    if not step > 0:
        raise refused(node, f"its steps are of {step}")
    zero = -low.item() / step
    if abs(zero - round(zero)) > _OFF or not 0 <= round(zero) <= _STEPS:
        raise refused(node, "zero is none of its steps")
    return np.asarray(step), round(zero)


def kernel(graph: OnnxGraph, node: Node) -> Sequence[Name] | None:
    """Write a product of whole numbers in int8 and their steps; None for any other product."""
    source, step = (value.get_node() for value in node.input_values())
    if source.get_type_name() != "Convert":
        return None
    numbers = constant_of(source.input_value(0))
    steps = constant_of(step.output(0))
    if numbers is None or numbers.dtype != np.int8 or steps is None:
        return None
    axis = int(np.argmax(steps.shape))
    by_channel = steps.ravel() if steps.size > 1 else steps.reshape(())
    return graph.add(
        "DequantizeLinear",
        graph.constant(numbers, of=f"{node.get_friendly_name()}/int8"),
        graph.constant(by_channel, np.float32),
        graph.constant(np.zeros_like(by_channel), np.int8),
        of=node.get_friendly_name(),
        axis=axis,
    )


def bias(graph: OnnxGraph, layer: Node, numbers: NDArray[np.float32]) -> Name:
    """Return a layer's bias [channels]: in whole numbers where the layer is in eight bits."""
    steps = _product_steps(layer)
    if steps is None:
        return graph.constant(numbers)
    steps = np.broadcast_to(steps, numbers.shape)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        whole = np.round(numbers / steps)
    if not np.abs(whole).max() < 2.0**31:
        return graph.constant(numbers)
    zeros = graph.constant(np.zeros(numbers.size, np.int32))
    (given,) = graph.add(
        "DequantizeLinear", graph.constant(whole, np.int32), graph.constant(steps), zeros, axis=0
    )
    return given


def _product_steps(layer: Node) -> NDArray[np.float32] | None:
    """Return the steps of what a layer's products have, by channel; None for one in float32."""
    pixels, weights = (value.get_node() for value in layer.input_values())
    while pixels.get_type_name() in _PASSING:
        pixels = pixels.input_value(0).get_node()
    if pixels.get_type_name() != "FakeQuantize" or weights.get_type_name() != "Multiply":
        return None
    steps = constant_of(weights.input_value(1))
    step, _ = _steps(pixels)
    return None if steps is None else (steps.ravel() * step).astype(np.float32)
