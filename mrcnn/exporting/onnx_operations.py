"""OpenVINO's operations in ONNX's, one function each, where the two mean the same by other words.

No function writes what it does not know: an attribute of another value is refused by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from mrcnn.exporting.error import ExportError
from mrcnn.exporting.onnx_graph import Name, OnnxGraph

#: A node of OpenVINO's graph; its classes have no types that mypy knows.
Node = Any
#: Writes a node whose inputs have these names, and returns the names of what it gives.
Translator = Callable[[OnnxGraph, Node, Sequence[Name]], Sequence[Name]]

_SAME = {
    "Abs": "Abs",
    "Add": "Add",
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
    "Multiply": "Mul",
    "Negative": "Neg",
    "Relu": "Relu",
    "Select": "Where",
    "Sigmoid": "Sigmoid",
    "Sqrt": "Sqrt",
    "Subtract": "Sub",
}
_REDUCTIONS = {
    "ReduceMax": "ReduceMax",
    "ReduceMin": "ReduceMin",
    "ReduceProd": "ReduceProd",
    "ReduceSum": "ReduceSum",
}
_PADDINGS = {"same_upper": "SAME_UPPER", "same_lower": "SAME_LOWER"}


def type_of(value: Any) -> int:
    """Return ONNX's number for the type of an input or output."""
    return helper.np_dtype_to_tensor_dtype(np.dtype(value.get_element_type().to_dtype()))


def numbers_of(node: Node) -> NDArray[Any]:
    """Return what a constant holds."""
    return np.array(node.get_data())


def _fixed(node: Node, place: int) -> NDArray[Any]:
    """Return an input that has to be constant; raises ExportError."""
    source = node.input_value(place).get_node()
    if source.get_type_name() != "Constant":
        raise _refused(node, f"its input {place} is computed")
    return numbers_of(source)


def _refused(node: Node, reason: str) -> ExportError:
    return ExportError(
        f"{node.get_friendly_name()}: {node.get_type_name()} is not written as ONNX: {reason}"
    )


def _require(node: Node, **wanted: object) -> dict[str, Any]:
    """Return a node's attributes; raises ExportError where one of them is not as is wanted."""
    told: dict[str, Any] = node.get_attributes()
    for name, value in wanted.items():
        if told[name] != value:
            raise _refused(node, f"{name} is {told[name]!r}")
    return told


def _same(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    if "auto_broadcast" in node.get_attributes():
        _require(node, auto_broadcast="numpy")
    return graph.add(_SAME[node.get_type_name()], *inputs, of=node.get_friendly_name())


def _reduced(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    is_kept = int(node.get_attributes()["keep_dims"])
    return graph.add(_REDUCTIONS[node.get_type_name()], *inputs, keepdims=is_kept)


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
    told = _require(node, auto_pad="explicit")
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
    told = _require(node, rounding_type="floor")
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
    axis, batches = int(_fixed(node, 2)), int(node.get_attributes()["batch_dims"])
    if batches == 0:
        return graph.add("Gather", rows, indices, axis=axis)
    if batches != axis:
        raise _refused(node, f"batch_dims is {batches} and the axis {axis}")
    (places,) = graph.add("Unsqueeze", indices, graph.constant([-1], np.int64))
    places = _cast(graph, places, onnx.TensorProto.INT64)
    return graph.add("GatherND", rows, places, batch_dims=batches)


def _enlarged(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    told = _require(
        node,
        mode="nearest",
        shape_calculation_mode="scales",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
    if any(told["pads_begin"]) or any(told["pads_end"]):
        raise _refused(node, "it pads")
    scales = np.ones(len(node.get_input_partial_shape(0)), np.float32)
    scales[_fixed(node, 2)] = _fixed(node, 1)
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
    told = _require(node, transpose_a=False)
    first, second = inputs
    if told["transpose_b"]:
        rank = len(node.get_input_partial_shape(1))
        order = [*range(rank - 2), rank - 1, rank - 2]
        (second,) = graph.add("Transpose", second, perm=order)
    return graph.add("MatMul", first, second, of=node.get_friendly_name())


def _suppressed(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    """Write what takes away boxes that overlap better ones.

    OpenVINO does so with what overlaps by as much as the threshold, ONNX with what does by more.
    It puts all that stay in order, ONNX those of each class.
    """
    _require(node, box_encoding="corner", sort_result_descending=True)
    boxes, ranks = inputs[:2]
    below = np.nextafter(_fixed(node, 3).astype(np.float32), np.float32(-1))
    (kept,) = graph.add(
        "NonMaxSuppression",
        boxes,
        ranks,
        graph.constant(_fixed(node, 2).reshape(1), np.int64),
        graph.constant(below.reshape(1)),
        graph.constant(_fixed(node, 4).reshape(1), np.float32),
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
    _require(node, pad_mode="constant")
    pixels, before, behind, value = inputs
    (pads,) = graph.add("Concat", before, behind, axis=0)
    return graph.add("Pad", pixels, pads, value, mode="constant")


def _aligned(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    told = _require(node, mode="avg", aligned_mode="half_pixel_for_nn")
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
        raise _refused(node, "it does not count in int64")
    (counted,) = graph.add("Range", *inputs)
    return _as_told(graph, node, counted)


def _reshaped(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    """Write it with the sides that are known: of no rows at all ONNX Runtime works none out."""
    is_copied = bool(node.get_attributes()["special_zero"])
    rows, shape = inputs
    source = node.input_value(1).get_node()
    if source.get_type_name() == "Constant":
        sides = [
            asked if side.is_dynamic or (is_copied and asked == 0) else side.get_length()
            for side, asked in zip(
                node.get_output_partial_shape(0), numbers_of(source), strict=True
            )
        ]
        shape = graph.constant(sides, np.int64)
    return graph.add("Reshape", rows, shape, allowzero=int(not is_copied))


def _rounded(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    _require(node, mode="half_to_even")
    return graph.add("Round", *inputs)


def _scattered(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    _require(node, reduction="none")
    return graph.add("ScatterElements", *inputs[:3], axis=int(_fixed(node, 3)))


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
    told = _require(node, mode="max", sort="value")
    (count,) = graph.add("Reshape", inputs[1], graph.constant([1], np.int64))
    largest, places = graph.add("TopK", inputs[0], count, outputs=2, axis=int(told["axis"]))
    kind = type_of(node.output(1))
    return largest, places if kind == onnx.TensorProto.INT64 else _cast(graph, places, kind)


def _transposed(graph: OnnxGraph, node: Node, inputs: Sequence[Name]) -> Sequence[Name]:
    return graph.add("Transpose", inputs[0], perm=_fixed(node, 1).tolist())


#: By OpenVINO's types.
TRANSLATORS: Mapping[str, Translator] = {
    **dict.fromkeys(_SAME, _same),
    **dict.fromkeys(_REDUCTIONS, _reduced),
    "Clamp": _clamped,
    "Concat": _joined,
    "Convert": _converted,
    "Convolution": _convolution,
    "ConvolutionBackpropData": _deconvolution,
    "Gather": _gathered,
    "Interpolate": _enlarged,
    "MatMul": _multiplied,
    "MaxPool": _pooled,
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
