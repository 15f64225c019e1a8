"""OpenVINO's operations as this network uses them: NCHW, float32, whatever the sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import ArrayLike, NDArray
from openvino import opset15 as ops

from mrcnn.programs.openvino.weights import Arrays

#: An output of a node; OpenVINO's own classes have no types that mypy knows.
Node = Any


def constant(values: ArrayLike, kind: type = np.float32) -> Node:
    """Return a constant; a scalar stays one."""
    return ops.constant(np.asarray(values, kind))


def whole(*values: int) -> Node:
    """Return whole numbers, as indices and shapes are."""
    return constant(values, np.int64)


def scalar(value: float, kind: type = np.int64) -> Node:
    """Return one number without a dimension."""
    return constant(value, kind)


def parameter(name: str, shape: list[int], kind: str) -> Node:
    """Return an input; a size of -1 is free."""
    node = ops.parameter(ov.PartialShape(shape), getattr(ov.Type, kind), name=name)
    node.output(0).set_names({name})
    return node


def result(node: Node, name: str) -> Node:
    """Return an output."""
    output = ops.result(node)
    output.set_friendly_name(name)
    output.output(0).set_names({name})
    return output


def convolution(x: Node, arrays: Arrays, name: str, *, stride: int = 1, relu: bool = False) -> Node:
    """Return a convolution that keeps the size, or divides it by the stride, as TensorFlow pads."""
    kernel, bias = arrays
    side = kernel.shape[0]
    if stride == 1:
        around = [side // 2] * 2
        return convolved(x, kernel, bias, name, around=around, relu=relu)
    y = ops.convolution(
        x, _kernel(kernel, name), [stride] * 2, [0, 0], [0, 0], [1, 1], "same_upper"
    )
    return _finished(y, bias, name, relu=relu)


def convolved(
    x: Node,
    kernel: NDArray[np.float32],
    bias: NDArray[np.float32],
    name: str,
    *,
    stride: int = 1,
    around: list[int],
    relu: bool,
) -> Node:
    """Return a convolution with so much padding of zeros around."""
    y = ops.convolution(x, _kernel(kernel, name), [stride] * 2, around, around, [1, 1])
    return _finished(y, bias, name, relu=relu)


def _kernel(kernel: NDArray[np.float32], name: str) -> Node:
    node = constant(np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)))
    node.set_friendly_name(f"{name}/kernel")
    return node


def _finished(y: Node, bias: NDArray[np.float32], name: str, *, relu: bool) -> Node:
    y.set_friendly_name(name)
    y = ops.add(y, constant(bias.reshape(1, -1, 1, 1)))
    y.set_friendly_name(f"{name}/bias")
    return ops.relu(y) if relu else y


def dense(
    x: Node, kernel: NDArray[np.float32], bias: NDArray[np.float32], name: str, *, relu: bool
) -> Node:
    """Return rows [n, in] multiplied with a kernel [in, out]."""
    weights = constant(np.ascontiguousarray(kernel.T))
    weights.set_friendly_name(f"{name}/kernel")
    y = ops.matmul(x, weights, False, True)
    y.set_friendly_name(name)
    y = ops.add(y, constant(bias[None]))
    return ops.relu(y) if relu else y


def columns(x: Node, start: int, stop: int) -> Node:
    """Return columns of the last axis."""
    return ops.slice(x, whole(start), whole(stop), whole(1), whole(-1))


def gathered(x: Node, indices: Node, axis: int = 0) -> Node:
    """Return the rows of these indices, or what another axis has there."""
    return ops.gather(x, indices, scalar(axis))


def joined(parts: list[Node], axis: int) -> Node:
    """Return parts one after the other."""
    return ops.concat(parts, axis)


def reshaped(x: Node, *shape: int) -> Node:
    """Return the same numbers in another shape: -1 is what remains, 0 stays as it is."""
    return ops.reshape(x, whole(*shape), True)


def squeezed(x: Node, axis: int) -> Node:
    """Return it without an axis of size 1."""
    return ops.squeeze(x, whole(axis))


def ranked(x: Node, most: Node) -> tuple[Node, Node]:
    """Return the largest of a row [n], the first of equals first: numbers and int32 indices.

    For short rows: the time grows with the square of the length.
    """
    node = ops.topk(x, most, 0, "max", "value", index_element_type="i32", stable=True)
    return node.output(0), node.output(1)


def best(x: Node, most: Node) -> Node:
    """Return the int32 indices of the largest of a row [n], equals in any order."""
    return ops.topk(x, most, 0, "max", "value", index_element_type="i32").output(1)


def count_of(x: Node, axis: int = 0) -> Node:
    """Return how large an axis is, as a scalar."""
    return ops.gather(ops.shape_of(x, "i64"), scalar(axis), scalar(0))


def range_to(count: Node, kind: str = "i32") -> Node:
    """Return 0, 1 … count - 1."""
    return ops.range(scalar(0), count, scalar(1), kind)
