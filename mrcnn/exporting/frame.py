"""From a picture of any size to the network's frame, in OpenVINO's operations.

What `mrcnn.molding` does outside of a graph. OpenVINO computes in float32: places of samples are
kept as quotients of whole numbers, which are exact up to 2²⁴, so that only the blended colours are
rounded.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from openvino import opset15 as ops

from mrcnn.config import SIZE_MULTIPLE, Config
from mrcnn.exporting.rounding import misplacement
from mrcnn.programs.openvino import operations as op
from mrcnn.programs.openvino.operations import Node

#: What is nearer to a whole number than this is one, but for the rounding of float32.
_ROUNDING = 1e-4


class Frame(NamedTuple):
    """A picture in the network's frame, sizes and places in pixels as float32."""

    pixels: Node  # [1, height, width, channels] float32, the mean not yet subtracted
    size: Node  # [2] height and width of the frame
    window: Node  # [4] y1 x1 y2 x2, the part that is not padding


def frame_of(picture: Node, config: Config) -> Frame:
    """Return a picture, uint8 [1, height, width, channels], in the network's frame.

    In resize mode "none" sides that are no multiples of 64 are padded below and on the right.
    """
    size = ops.convert(op.gathered(ops.shape_of(picture, "i64"), op.whole(1, 2)), "f32")
    channels = picture.get_output_partial_shape(0)[3].get_length()
    mode = config.IMAGE_RESIZE_MODE
    if mode == "none":
        inner, pixels = size, ops.convert(picture, "f32")
    else:
        inner = _scaled(size, config)
        pixels = _resized(picture, size, inner)
    if mode == "square":
        target = op.constant([config.IMAGE_MAX_DIM] * 2)
    else:
        multiple = op.constant(SIZE_MULTIPLE)
        target = ops.multiply(ops.ceiling(ops.divide(inner, multiple)), multiple)
    room = ops.subtract(target, inner)
    half = op.constant(0.0 if mode == "none" else 0.5)
    before = ops.floor(ops.multiply(room, half))
    padded = ops.pad(
        pixels, _around(before), _around(ops.subtract(room, before)), "constant", op.constant(0.0)
    )
    # Padding leaves open how many channels there are, and of the first layer in eight bits OpenVINO
    # then makes other numbers.
    padded = op.reshaped(padded, 0, 0, 0, channels)
    return Frame(padded, target, op.joined([before, ops.add(before, inner)], 0))


def _around(sides: Node) -> Node:
    return op.joined([op.whole(0), ops.convert(sides, "i64"), op.whole(0)], 0)


def _scaled(size: Node, config: Config) -> Node:
    """Return the height and width that a picture is resized to: see `mrcnn.molding`.

    The scale is a quotient, so that a side that falls on half a pixel does so here too.
    """
    one = op.constant(1.0)
    smallest, largest = (reduce(size, op.whole(0)) for reduce in (ops.reduce_min, ops.reduce_max))
    above, below = one, one
    if config.IMAGE_MIN_DIM:
        least = op.constant(config.IMAGE_MIN_DIM)
        is_small = ops.less(smallest, least)
        above, below = ops.select(is_small, least, one), ops.select(is_small, smallest, one)
    if config.IMAGE_MIN_SCALE:
        least = op.constant(config.IMAGE_MIN_SCALE)
        is_less = ops.less(ops.divide(above, below), least)
        above, below = ops.select(is_less, least, above), ops.select(is_less, one, below)
    if config.IMAGE_RESIZE_MODE == "square":
        most = op.constant(config.IMAGE_MAX_DIM)
        is_more = ops.greater(_times(largest, above, below), most)
        above, below = ops.select(is_more, most, above), ops.select(is_more, largest, below)
    return ops.maximum(_times(size, above, below), one)


def _times(size: Node, above: Node, below: Node) -> Node:
    return ops.round(ops.divide(ops.multiply(size, above), below), "half_to_even")


class _Samples(NamedTuple):
    """Between which cells the pixels of a resized axis lie, and how much each of the two counts."""

    first: Node
    second: Node
    is_first: Node  # 0 where that cell is outside, and so black
    is_second: Node
    fraction: Node
    misplacement: Node


def _resized(picture: Node, size: Node, target: Node) -> Node:
    """Return float32 pixels of another size, whole numbers: see `mrcnn.bilinear`.

    What float64 rounds is told along with them, since it decides where truncation is in doubt.
    """
    pixels, error = picture, None
    for place, axis in enumerate((1, 2)):
        source, wanted = (op.gathered(sides, op.scalar(place)) for sides in (size, target))
        at = _samples(source, wanted)
        pixels, slope, error = (
            _between(pixels, at, axis),
            _slope(pixels, at, axis),
            None if error is None else _between(error, at, axis),
        )
        moved = ops.multiply(slope, _along(at.misplacement, axis))
        error = moved if error is None else ops.add(error, moved)
    nearest = ops.round(pixels, "half_to_even")
    is_whole = ops.less(ops.abs(ops.subtract(pixels, nearest)), op.constant(_ROUNDING))
    # Less than a unit of its last bit is lost among what float64 rounds later.
    is_below = ops.convert(ops.less(error, ops.negative(nearest)), "f32")
    truncated = ops.select(is_whole, ops.subtract(nearest, is_below), ops.floor(pixels))
    least = ops.convert(ops.reduce_min(picture, op.whole(0, 1, 2, 3)), "f32")
    return ops.maximum(truncated, least)


def _cells(pixels: Node, at: _Samples, axis: int) -> tuple[Node, Node]:
    """Return the cell before and the one behind each sample."""
    first, second = (
        ops.multiply(ops.convert(op.gathered(pixels, cells, axis), "f32"), _along(is_inside, axis))
        for cells, is_inside in ((at.first, at.is_first), (at.second, at.is_second))
    )
    return first, second


def _between(pixels: Node, at: _Samples, axis: int) -> Node:
    first, second = _cells(pixels, at, axis)
    of_second = _along(at.fraction, axis)
    of_first = ops.subtract(op.constant(1.0), of_second)
    return ops.add(ops.multiply(first, of_first), ops.multiply(second, of_second))


def _slope(pixels: Node, at: _Samples, axis: int) -> Node:
    first, second = _cells(pixels, at, axis)
    return ops.subtract(second, first)


def _along(values: Node, axis: int) -> Node:
    shape = op.whole(*(-1 if each == axis else 1 for each in range(4)))
    return ops.reshape(values, shape, False)


def _samples(source: Node, target: Node) -> _Samples:
    """Lay as many samples as `target` evenly over `source` cells, with one of zeros around."""
    zero, one, two = (op.constant(value) for value in (0.0, 1.0, 2.0))
    index = op.range_to(ops.convert(target, "i64"), "f32")
    # A sample lies at index · whole + above / below.
    whole = ops.floor(ops.divide(source, target))
    rest = ops.subtract(source, ops.multiply(whole, target))
    above = ops.add(
        ops.multiply(ops.add(ops.multiply(two, index), one), rest),
        ops.multiply(ops.subtract(whole, one), target),
    )
    below = ops.multiply(two, target)
    cells = ops.floor(ops.divide(above, below))
    fraction = ops.divide(ops.subtract(above, ops.multiply(cells, below)), below)
    off = misplacement(source, target)
    # Before a cell it lies at the end of the one before.
    is_before = ops.convert(ops.logical_and(ops.equal(fraction, zero), ops.less(off, zero)), "f32")
    first = ops.subtract(ops.add(ops.multiply(index, whole), cells), is_before)
    second = ops.add(first, one)
    last = ops.subtract(source, one)
    return _Samples(
        ops.convert(ops.maximum(first, zero), "i32"),
        ops.convert(ops.minimum(second, last), "i32"),
        ops.convert(ops.greater_equal(first, zero), "f32"),
        ops.convert(ops.less_equal(second, last), "f32"),
        ops.add(fraction, is_before),
        off,
    )


def normalized(boxes: Node, size: Node) -> Node:
    """Return boxes [..., 4] in pixels as the network has them: see `mrcnn.anchors`."""
    shift = op.constant(np.array([0.0, 0.0, 1.0, 1.0]))
    return ops.divide(ops.subtract(boxes, shift), twice(ops.subtract(size, op.constant(1.0))))


def twice(sides: Node) -> Node:
    """Return [4] of [2], as boxes have them."""
    return op.gathered(sides, op.whole(0, 1, 0, 1))


def anchors_of(size: Node, config: Config) -> Node:
    """Return the anchors of all levels of a frame, [n, 4], normalized: see `mrcnn.anchors`."""
    levels = [
        _anchors(size, float(scale), int(stride), config)
        for scale, stride in zip(config.RPN_ANCHOR_SCALES, config.BACKBONE_STRIDES, strict=True)
    ]
    return normalized(op.joined(levels, 0), size)


def _anchors(size: Node, scale: float, stride: int, config: Config) -> Node:
    """Return one level's, in the order y, x, ratio: [n, 4] in pixels."""
    every = int(config.RPN_ANCHOR_STRIDE)
    cells = ops.ceiling(ops.divide(size, op.constant(stride)))
    counts = ops.convert(ops.ceiling(ops.divide(cells, op.constant(every))), "i64")
    centres = []
    for place, shape in enumerate(((-1, 1, 1), (1, -1, 1))):
        count = op.gathered(counts, op.scalar(place))
        along = ops.multiply(op.range_to(count, "f32"), op.constant(every * stride))
        centres.append(ops.reshape(along, op.whole(*shape), False))
    ratios = np.sqrt(np.asarray(config.RPN_ANCHOR_RATIOS, np.float64))
    half_height, half_width = 0.5 * scale / ratios, 0.5 * scale * ratios
    nothing = op.constant(np.zeros((1, 1, len(ratios))))
    y, x = (
        ops.add(ops.add(one, ops.multiply(other, op.constant(0.0))), nothing)
        for one, other in (centres, centres[::-1])
    )
    sides = [
        ops.subtract(y, op.constant(half_height)),
        ops.subtract(x, op.constant(half_width)),
        ops.add(y, op.constant(half_height)),
        ops.add(x, op.constant(half_width)),
    ]
    return op.joined([op.reshaped(side, -1, 1) for side in sides], 1)
