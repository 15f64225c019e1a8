"""OpenVINO's operations in ONNX's, one function each, where the two mean the same by other words.

No function writes what it does not know: an attribute of another value is refused by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx

from mrcnn.exporting import onnx_quantized as quantized
from mrcnn.exporting.onnx_graph import Name, OnnxGraph
from mrcnn.exporting.onnx_nodes import Node, constant_of, fixed, refused, require, type_of

#: Writes a node whose inputs have these names, and returns the names of what it gives.
Translator = Callable[[OnnxGraph, Node, Sequence[Name]], Sequence[Name]]

_SAME = {
    "Abs": "Abs",
    "Ceiling": "Ceil",
    "Divide": "Div",  # of whole numbers, none of which is negative here
    "Equal": "Equal",
    "Exp": "Exp",
    "Floor": "Floor",
    "Greater": "Greater",
    "GreaterEqual": "GreaterOrEqual",
    "IsNaN": "IsNaN",
    "Less": "Less",
    "LessEqual": "LessOrEqual",
    "Log": "Log",
    "LogicalAnd": "And",
    "Maximum": "Max",
    "Minimum": "Min",
    "Negative": "Neg",
    "Relu": "Relu",
    "Select": "Where",
    "Sigmoid": "Sigmoid",
    "Sqrt": "Sqrt",
    "Subtract": "Sub",
}
_REDUCTIONS = ("ReduceMax", "ReduceMin", "ReduceProd", "ReduceSum")
#: Layers, and those of ONNX's that take a bias.
_LAYERS = {"Convolution": "Conv", "ConvolutionBackpropData": "ConvTranspose", "MatMul": "Gemm"}
_PADDINGS = {"same_upper": "SAME_UPPER", "same_lower": "SAME_LOWER"}


def _same(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    if "auto_broadcast" in node.get_attributes():
        require(node, auto_broadcast="numpy")
    return graph.add(_SAME[node.get_type_name()], *inputs, of=node.get_friendly_name())


def _sum(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    """Write a sum; that with a bias into the layer itself, where ONNX has it."""
    require(node, auto_broadcast="numpy")
    value, bias = node.input_values()
    layer, numbers = value.get_node(), constant_of(bias)
    if (
        numbers is None
        or numbers.ndim < 2
        or not numbers.size == numbers.shape[1] == value.get_partial_shape()[1]
        or layer.get_type_name() not in _LAYERS
        or _LAYERS[layer.get_type_name()] != graph.type_of(inputs[0])
        or len(value.get_target_inputs()) != 1
    ):
        return graph.add("Add", *inputs, of=node.get_friendly_name())
    graph.extend(inputs[0], quantized.bias(graph, layer, numbers.ravel()))
    return inputs[:1]


def _product(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    require(node, auto_broadcast="numpy")
    kernel = quantized.kernel(graph, node)
    return graph.add("Mul", *inputs, of=node.get_friendly_name()) if kernel is None else kernel


def _reduced(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    is_kept = int(node.get_attributes()["keep_dims"])
    return graph.add(node.get_type_name(), *inputs, keepdims=is_kept)


def _cast(graph: OnnxGraph, name: Name, kind: int) -> Name:
    (cast,) = graph.add("Cast", name, to=kind)
    return cast


def _converted(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    if type_of(node.input(0)) == type_of(node.output(0)):
        return inputs
    return (_cast(graph, inputs[0], type_of(node.output(0))),)


def _as_told(graph: OnnxGraph, node: Node, name: Name) -> Sequence[Name]:
    """Return whole numbers, which ONNX gives as int64, in the type of the node's first output."""
    kind = type_of(node.output(0))
    return (name if kind == onnx.TensorProto.INT64 else _cast(graph, name, kind),)


def _clamped(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    told, kind = node.get_attributes(), node.get_element_type().to_dtype()
    ends = (graph.constant(told[name], kind) for name in ("min", "max"))
    return graph.add("Clip", *inputs, *ends)


def _joined(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    return graph.add("Concat", *inputs, axis=int(node.get_attributes()["axis"]))


def _padding(told: Mapping[str, Any]) -> dict[str, Any]:
    if told["auto_pad"] in _PADDINGS:
        return {"auto_pad": _PADDINGS[told["auto_pad"]]}
    return {"pads": [*told["pads_begin"], *told["pads_end"]]}


def _convolution(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    told = node.get_attributes()
    return graph.add(
        "Conv",
        *inputs,
        of=node.get_friendly_name(),
        strides=list(told["strides"]),
        dilations=list(told["dilations"]),
        **_padding(told),
    )


def _deconvolution(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    told = require(node, auto_pad="explicit")
    return graph.add(
        "ConvTranspose",
        *inputs,
        of=node.get_friendly_name(),
        strides=list(told["strides"]),
        dilations=list(told["dilations"]),
        output_padding=list(told["output_padding"]),
        **_padding(told),
    )


def _pooled(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    told = require(node, rounding_type="floor")
    return graph.add(
        "MaxPool",
        *inputs,
        kernel_shape=list(told["kernel"]),
        strides=list(told["strides"]),
        dilations=list(told["dilations"]),
        **_padding(told),
    )


def _gathered(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    rows, indices, _ = inputs
    axis, batches = int(fixed(node, 2)), int(node.get_attributes()["batch_dims"])
    if batches == 0:
        return graph.add("Gather", rows, indices, axis=axis)
    if batches != axis:
        raise refused(node, f"batch_dims is {batches} and the axis {axis}")
    (places,) = graph.add("Unsqueeze", indices, graph.constant([-1], np.int64))
    places = _cast(graph, places, onnx.TensorProto.INT64)
    return graph.add("GatherND", rows, places, batch_dims=batches)


def _enlarged(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    told = require(
        node,
        mode="nearest",
        shape_calculation_mode="scales",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
    if any(told["pads_begin"]) or any(told["pads_end"]):
        raise refused(node, "it pads")
    scales = np.ones(len(node.get_input_partial_shape(0)), np.float32)
    scales[fixed(node, 2)] = fixed(node, 1)
    return graph.add(
        "Resize",
        inputs[0],
        "",
        graph.constant(scales),
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )


def _multiplied(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    told = require(node, transpose_a=False)
    name, (first, second) = node.get_friendly_name(), inputs
    ranks = [len(value.get_partial_shape()) for value in node.inputs()]
    if told["transpose_b"] and ranks == [2, 2]:
        return graph.add("Gemm", first, second, of=name, transB=1)
    if told["transpose_b"]:
        order = [*range(ranks[1] - 2), ranks[1] - 1, ranks[1] - 2]
        (second,) = graph.add("Transpose", second, perm=order)
    return graph.add("MatMul", first, second, of=name)


def _suppressed(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    """Write what takes away boxes that overlap better ones.

    OpenVINO does so with what overlaps by as much as the threshold, ONNX with what does by more.
    It puts all that stay in order, ONNX those of each class.
    """
    require(node, box_encoding="corner", sort_result_descending=True)
    boxes, ranks = inputs[:2]
    below = np.nextafter(fixed(node, 3).astype(np.float32), np.float32(-1)).clip(0, 1)
    (kept,) = graph.add(
        "NonMaxSuppression",
        boxes,
        ranks,
        graph.constant(fixed(node, 2).reshape(1), np.int64),
        graph.constant(below.reshape(1)),
        graph.constant(fixed(node, 4).reshape(1), np.float32),
        of=node.get_friendly_name(),
    )
    batches, classes, _ = node.get_input_partial_shape(1)
    if (batches, classes) != (1, 1):
        (rank_of_kept,) = graph.add("GatherND", ranks, kept)
        (count,) = graph.add("Shape", rank_of_kept)
        _, order = graph.add("TopK", rank_of_kept, count, outputs=2, axis=0)
        (kept,) = graph.add("Gather", kept, order, axis=0)
    return _as_told(graph, node, kept)


def _places(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    (places,) = graph.add("NonZero", *inputs)
    return _as_told(graph, node, places)


def _padded(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    require(node, pad_mode="constant")
    pixels, before, behind, value = inputs
    (pads,) = graph.add("Concat", before, behind, axis=0)
    return graph.add("Pad", pixels, pads, value, mode="constant")


def _aligned(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    told = require(node, mode="avg", aligned_mode="half_pixel_for_nn")
    pixels, boxes, batches = inputs
    return graph.add(
        "RoiAlign",
        pixels,
        boxes,
        _cast(graph, batches, onnx.TensorProto.INT64),
        mode="avg",
        coordinate_transformation_mode="half_pixel",
        output_height=int(told["pooled_h"]),
        output_width=int(told["pooled_w"]),
        sampling_ratio=int(told["sampling_ratio"]),
        spatial_scale=float(told["spatial_scale"]),
    )


def _counted(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    if {type_of(value) for value in node.inputs()} != {onnx.TensorProto.INT64}:
        raise refused(node, "it does not count in int64")
    (counted,) = graph.add("Range", *inputs)
    return _as_told(graph, node, counted)


def _reshaped(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    """Write it with the sides that are known: of no rows at all ONNX Runtime works none out."""
    is_copied = bool(node.get_attributes()["special_zero"])
    rows, shape = inputs
    told = constant_of(node.input_value(1))
    if told is not None:
        known = zip(node.get_output_partial_shape(0), told, strict=True)
        sides = [
            asked if side.is_dynamic or (is_copied and asked == 0) else side.get_length()
            for side, asked in known
        ]
        shape = graph.constant(sides, np.int64)
    return graph.add("Reshape", rows, shape, allowzero=int(not is_copied))


def _rounded(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    require(node, mode="half_to_even")
    return graph.add("Round", *inputs)


def _scattered(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    require(node, reduction="none")
    return graph.add("ScatterElements", *inputs[:3], axis=int(fixed(node, 3)))


def _shape(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    (shape,) = graph.add("Shape", *inputs)
    return _as_told(graph, node, shape)


def _sliced(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    rows, starts, stops, steps, axes = inputs
    return graph.add("Slice", rows, starts, stops, axes, steps)


def _softmax(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    return graph.add("Softmax", *inputs, axis=int(node.get_attributes()["axis"]))


def _squeezed(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    return graph.add(node.get_type_name(), *inputs)


def _ranked(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    """Write what gives the largest; of equals ONNX gives the first first, whether asked or not."""
    told = require(node, mode="max", sort="value")
    (count,) = graph.add("Reshape", inputs[1], graph.constant([1], np.int64))
    largest, places = graph.add("TopK", inputs[0], count, outputs=2, axis=int(told["axis"]))
    kind = type_of(node.output(1))
    return largest, places if kind == onnx.TensorProto.INT64 else _cast(graph, places, kind)


def _transposed(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    return graph.add("Transpose", inputs[0], perm=fixed(node, 1).tolist())


#: By OpenVINO's types.
TRANSLATORS: Mapping[str, Translator] = {
    **dict.fromkeys(_SAME, _same),
    **dict.fromkeys(_REDUCTIONS, _reduced),
    "Add": _sum,
    "Clamp": _clamped,
    "Concat": _joined,
    "Convert": _converted,
    "Convolution": _convolution,
    "ConvolutionBackpropData": _deconvolution,
    "FakeQuantize": quantized.rounded,
    "Gather": _gathered,
    "Interpolate": _enlarged,
    "MatMul": _multiplied,
    "MaxPool": _pooled,
    "Multiply": _product,
    "NonMaxSuppression": _suppressed,
    "NonZero": _places,
    "Pad": _padded,
    "ROIAlign": _aligned,
    "Range": _counted,
    "Reshape": _reshaped,
    "Round": _rounded,
    "ScatterElementsUpdate": _scattered,
    "ShapeOf": _shape,
    "Slice": _sliced,
    "Softmax": _softmax,
    "Squeeze": _squeezed,
    "TopK": _ranked,
    "Transpose": _transposed,
    "Unsqueeze": _squeezed,
}
