"""Tells of numbers that became infinite within a network, though its answers are finite.

OpenVINO's Relu makes 0 of NaN, where TensorFlow's keeps it: a network that overflows would answer
as if it saw nothing.
"""

from __future__ import annotations

from typing import Any

import openvino as ov
from openvino import opset15 as ops

from mrcnn.programs.openvino import operations as op
from mrcnn.programs.openvino.operations import Node

#: The output's name.
OVERFLOWS = "overflows"

_AXES_OF_MAPS = 4


def with_overflows_told(model: Any) -> Any:
    """Return a model that has as an output more what is finite where all numbers of its layers are.

    What overflows is infinite behind a Relu before it is NaN behind the next layer; of the pyramid,
    which has none, the levels are looked at. Of a map it is the first cell, since a layer
    overflows in all of them.
    """
    cells = [_first(node) for node in model.get_ops() if _is_looked_at(node)]
    # A picture may have no masks: what has no rows is summed by itself.
    rows = [cell for cell in cells if cell.get_output_partial_shape(0)[0] == 1]
    sums = [op.joined(rows, 1), *(cell for cell in cells if cell not in rows)]
    result = ops.result(op.joined([_sum_of(part) for part in sums], 0))
    result.output(0).set_names({OVERFLOWS})
    return ov.Model([*model.get_results(), result], model.get_parameters(), "mask_rcnn")


def _is_looked_at(node: Node) -> bool:
    name = node.get_friendly_name()
    is_level = name.startswith("fpn_p") and name.endswith("/bias")
    return is_level or node.get_type_name() == "Relu"


def _first(x: Node) -> Node:
    """Return the first cell of the first map, [1 or none, channels, 1, 1]."""
    axes = [0, 2, 3] if len(x.get_output_partial_shape(0)) == _AXES_OF_MAPS else [0]
    zeros, ones = op.whole(*[0] * len(axes)), op.whole(*[1] * len(axes))
    cell = ops.slice(x, zeros, ones, ones, op.whole(*axes))
    return cell if len(axes) > 1 else ops.unsqueeze(cell, op.whole(2, 3))


def _sum_of(x: Node) -> Node:
    return ops.reduce_sum(op.reshaped(x, -1), op.whole(0), True)
