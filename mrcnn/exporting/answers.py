"""From the network's frame back to the picture, in OpenVINO's operations.

What `mrcnn.unmolding` and `mrcnn.masks` do outside of a graph. Masks are pasted as products of
matrices: a bilinear resize is one along each axis.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from openvino import opset15 as ops

from mrcnn.exporting.frame import twice
from mrcnn.programs.openvino import operations as op
from mrcnn.programs.openvino.operations import Node

Masks = Literal["picture", "box"]


def answers(
    found: Mapping[str, Node], window: Node, size: Node, side: int, masks: Masks
) -> dict[str, Node]:
    """Return what a user gets: `boxes`, `classes`, `scores` and `masks`, each with a batch of one.

    Args:
        found: what the network gives, by the names of `mrcnn.programs.openvino.graph`.
        window: [4], normalized: the part of the frame that is not padding.
        size: [2], height and width of the picture.
        side: of a mask.
        masks: over the picture, or over their boxes.
    """
    boxes = _in_picture(found["boxes"], window, size)
    extents = ops.subtract(op.columns(boxes, 2, 4), op.columns(boxes, 0, 2))
    has_area = ops.greater(ops.reduce_min(extents, op.whole(1)), op.constant(0.0))
    kept = op.squeezed(ops.non_zero(has_area, "i32"), 0)
    boxes, small = op.gathered(boxes, kept), op.gathered(found["masks"], kept)
    given = {
        "boxes": ops.convert(boxes, "i32"),
        "classes": op.gathered(found["classes"], kept),
        "scores": op.gathered(found["scores"], kept),
        "masks": _pasted(small, boxes, size, side) if masks == "picture" else small,
    }
    return {name: ops.unsqueeze(rows, op.whole(0)) for name, rows in given.items()}


def _in_picture(boxes: Node, window: Node, size: Node) -> Node:
    """Return normalized boxes in whole pixels of the picture, as float32."""
    low, high = op.columns(window, 0, 2), op.columns(window, 2, 4)
    extent = ops.subtract(high, low)
    # A window one pixel high or wide has no extent: every box of it starts at its first pixel.
    has_extent = ops.greater(extent, op.constant(0.0))
    share = ops.select(
        has_extent,
        ops.divide(op.constant(1.0), ops.select(has_extent, extent, op.constant(1.0))),
        op.constant(0.0),
    )
    relative = ops.multiply(ops.subtract(boxes, twice(low)), twice(share))
    last = ops.subtract(size, op.constant(1.0))
    pixels = ops.add(
        ops.multiply(relative, twice(last)), op.constant(np.array([0.0, 0.0, 1.0, 1.0]))
    )
    whole = ops.round(pixels, "half_to_even")
    return ops.minimum(ops.maximum(whole, op.constant(0.0)), twice(size))


def _pasted(masks: Node, boxes: Node, size: Node, side: int) -> Node:
    """Return masks over the whole picture: uint8 [n, height, width], 1 within an instance."""
    rows, is_row = _shares(boxes, 0, size, side)
    columns, is_column = _shares(boxes, 1, size, side)
    drawn = ops.matmul(ops.matmul(rows, masks, False, False), columns, False, True)
    # A resize gives nothing below the least number of what it was given.
    least = ops.reduce_min(masks, op.whole(1, 2), True)
    is_set = ops.greater_equal(ops.maximum(drawn, least), op.constant(0.5))
    inside = ops.logical_and(
        ops.unsqueeze(is_row, op.whole(2)), ops.unsqueeze(is_column, op.whole(1))
    )
    return ops.convert(ops.logical_and(is_set, inside), "u8")


def _shares(boxes: Node, axis: int, size: Node, side: int) -> tuple[Node, Node]:
    """Return what each cell of a mask counts at each place of the picture, [n, length, side].

    And which places lie within each box, [n, length].
    """
    low, high = op.columns(boxes, axis, axis + 1), op.columns(boxes, axis + 2, axis + 3)  # [n, 1]
    length = ops.convert(op.gathered(size, op.scalar(axis)), "i64")
    place = ops.unsqueeze(op.range_to(length, "f32"), op.whole(0))  # [1, length]
    step = ops.divide(op.constant(float(side)), ops.subtract(high, low))
    half = op.constant(0.5)
    at = ops.subtract(ops.multiply(ops.add(ops.subtract(place, low), half), step), half)
    cells = op.constant(np.arange(side).reshape(1, 1, side))
    distance = ops.abs(ops.subtract(ops.unsqueeze(at, op.whole(2)), cells))
    is_within = ops.logical_and(ops.greater_equal(place, low), ops.less(place, high))
    return ops.relu(ops.subtract(op.constant(1.0), distance)), is_within
