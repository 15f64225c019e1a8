"""Keeps the arithmetic of boxes in float32 where layers are in bfloat16.

OpenVINO puts a whole graph into bfloat16, save what lies between its last layers and its outputs.
The corners of the crops lie between layers: in eight bits of precision a box has 256 places, which
costs the demo 2 points of mask AP. As outputs of the graph they are left alone.
"""

from __future__ import annotations

from typing import Any

import openvino as ov

from mrcnn.programs.openvino import operations as op


def with_corners(model: Any) -> Any:
    """Return a model that gives the corners of each crop too, [n, 4] in cells of its map."""
    corners = [
        op.result(node.input_value(1), f"corners/{index}")
        for index, node in enumerate(_crops(model))
    ]
    return ov.Model([*model.get_results(), *corners], model.get_parameters(), model.friendly_name)


def _crops(model: Any) -> list[Any]:
    return [node for node in model.get_ordered_ops() if node.get_type_name() == "ROIAlign"]
