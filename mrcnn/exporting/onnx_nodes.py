"""What a node of OpenVINO's graph says of itself, and why one is not written as ONNX."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import helper

from mrcnn.exporting.error import ExportError

#: A node; OpenVINO's classes have no types that mypy knows.
Node = Any


def type_of(value: Any) -> int:
    """Return ONNX's number for the type of an input or output."""
    return helper.np_dtype_to_tensor_dtype(np.dtype(value.get_element_type().to_dtype()))


def constant_of(value: Any) -> NDArray[Any] | None:
    """Return what a node's output always is; None where it is computed."""
    node = value.get_node()
    return np.array(node.get_data()) if node.get_type_name() == "Constant" else None


def fixed(node: Node, place: int) -> NDArray[Any]:
    """Return an input that has to be constant; raises ExportError."""
    numbers = constant_of(node.input_value(place))
    if numbers is None:
        raise refused(node, f"its input {place} is computed")
    return numbers


def refused(node: Node, reason: str) -> ExportError:
    """Return the error that names a node."""
    return ExportError(
        f"{node.get_friendly_name()}: {node.get_type_name()} is not written as ONNX: {reason}"
    )


def require(node: Node, **wanted: object) -> dict[str, Any]:
    """Return a node's attributes; raises ExportError where one of them is not as is wanted."""
    told: dict[str, Any] = node.get_attributes()
    for name, value in wanted.items():
        if told[name] != value:
            raise refused(node, f"{name} is {told[name]!r}")
    return told
