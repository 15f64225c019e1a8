"""Crops of the pyramid, one fixed size for regions of any size."""

from __future__ import annotations

import math
from typing import NamedTuple

from openvino import opset15 as ops

from mrcnn.programs.openvino import operations as op
from mrcnn.programs.openvino.operations import Node

#: See `mrcnn.roi_align`: at exactly 1.0 the last row of samples may fall outside of the map.
INSIDE = 1.0 - 5e-7


class Crops(NamedTuple):
    """Crops level by level."""

    pooled: Node  # [n, channels, side, side]
    places: Node  # [n] int32: which of the regions each is of

    def in_order(self, rows: Node) -> Node:
        """Return what was made of the crops, row by row, in the order of the regions.

        Putting crops themselves in order takes as long as making them.
        """
        indices = op.range_to(op.count_of(self.places))
        back = ops.scatter_elements_update(self.places, self.places, indices, op.scalar(0))
        return op.gathered(rows, back)


def align(regions: Node, levels: list[Node], image_shape: Node, side: int) -> Crops:
    """Sample each region [n, 4], normalized, from the level that fits its size.

    Args:
        image_shape: float [2], height and width of the molded picture in pixels.

    Reference: He et al., Mask R-CNN, 2017, section 3; Lin et al., Feature Pyramid Networks,
    2016, equation 1; TensorFlow's crop_and_resize for the places of the samples.
    """
    # A network that overflows gives NaN, which lies in no place.
    regions = ops.select(ops.is_nan(regions), op.constant(0.0), regions)
    level_of_region = _level_of(regions, image_shape)
    inside = ops.minimum(regions, op.constant(INSIDE))
    pooled, places = [], []
    for index, feature_map in enumerate(levels):
        is_here = ops.equal(level_of_region, op.constant(index + 2.0))
        members = op.squeezed(ops.non_zero(is_here, "i32"), 0)
        pooled.append(_sampled(feature_map, op.gathered(inside, members), side))
        places.append(members)
    return Crops(op.joined(pooled, 0), op.joined(places, 0))


def _level_of(regions: Node, image_shape: Node) -> Node:
    """Return the level, 2 to 5, of each region: one of 224² pixels is cut from P4."""
    extents = ops.subtract(op.columns(regions, 2, 4), op.columns(regions, 0, 2))
    share = ops.reduce_prod(extents, op.whole(1))
    pixels = ops.reduce_prod(image_shape, op.whole(0))
    relative = ops.divide(ops.sqrt(share), ops.divide(op.constant(224.0), ops.sqrt(pixels)))
    octaves = ops.divide(ops.log(relative), op.constant(math.log(2.0)))
    level = ops.add(op.constant(4.0), ops.round(octaves, "half_to_even"))
    return ops.clamp(level, 2.0, 5.0)


def _sampled(feature_map: Node, boxes: Node, side: int) -> Node:
    """Return crops [n, channels, side, side]: one sample a bin, at the box's edges too.

    RoiAlign puts samples into the middle of bins: the box is widened by half a bin for that.
    """
    sizes = ops.convert(op.gathered(ops.shape_of(feature_map, "i64"), op.whole(2, 3, 2, 3)), "f32")
    scaled = ops.multiply(boxes, ops.subtract(sizes, op.constant(1.0)))
    low, high = op.columns(scaled, 0, 2), op.columns(scaled, 2, 4)
    half_bin = op.constant(0.5 / (side - 1) if side > 1 else 0.0)
    wider = ops.multiply(ops.subtract(high, low), half_bin)
    half_cell = op.constant(0.5)
    low = ops.add(ops.subtract(low, wider), half_cell)
    high = ops.add(ops.add(high, wider), half_cell)
    corners = op.gathered(op.joined([low, high], 1), op.whole(1, 0, 3, 2), 1)  # x1 y1 x2 y2
    first = ops.convert(
        ops.multiply(op.squeezed(op.columns(boxes, 0, 1), 1), op.constant(0.0)), "i32"
    )
    return ops.roi_align(
        feature_map, corners, first, side, side, 1, 1.0, "avg", "half_pixel_for_nn"
    )
