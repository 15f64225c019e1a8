"""How far off their places float64 puts the samples of a resized axis, in OpenVINO's operations.

Every fiftieth pixel of a resized picture or so lies on a whole number exactly, and then the last
bits of float64 decide whether truncation takes one from it: those pixels are what a network's
scores differ by in their third digit. OpenVINO has float32 alone, in which these bits are computed
as whole numbers below 2**24.
"""

from __future__ import annotations

import numpy as np
from openvino import opset15 as ops

from mrcnn.programs.openvino import operations as op
from mrcnn.programs.openvino.operations import Node

#: Bits of a quotient behind the point, by which long division goes: together 52. Sides are below
#: 2**14. The last two have 12 bits, which is what products with 2 · index + 1 lose at most.
_CHUNKS = (10, 10, 10, 10, 10, 2)
_POWERS = 2.0 ** np.arange(14)


def misplacement(source: Node, target: Node) -> Node:
    """Return [target] how far behind its place each sample lies, in units of 2**-53 cells.

    That is (index + 0.5) * (source / target) in float64, less what it is.
    """
    longer, wider = _power_above(target, source), _power_below(source, target)
    low, error = _quotient(ops.multiply(source, longer), ops.multiply(target, wider))
    index = op.range_to(ops.convert(target, "i64"), "f32")
    odd = ops.add(ops.multiply(index, op.constant(2.0)), op.constant(1.0))
    share = ops.divide(ops.multiply(source, longer), ops.multiply(target, wider))
    # As many bits more has the product than the 53 that are kept.
    lost = _power_below(ops.unsqueeze(ops.multiply(odd, share), op.whole(1)), op.constant(1.0))
    kept = ops.divide(ops.multiply(odd, low), lost)
    rounded = ops.multiply(ops.subtract(ops.round(kept, "half_to_even"), kept), lost)
    whole = ops.add(ops.multiply(odd, error), rounded)
    return ops.multiply(whole, ops.divide(wider, longer))


def _quotient(above: Node, below: Node) -> tuple[Node, Node]:
    """Return the lowest 12 of the 53 bits that float64 has of a quotient of 1 to 2.

    And by how much it is larger than the quotient, in units of its last bit.
    """
    rest = ops.subtract(above, below)
    digits = []
    for bits in _CHUNKS:
        more = ops.multiply(rest, op.constant(2.0**bits))
        digit = ops.floor(ops.divide(more, below))
        rest = ops.subtract(more, ops.multiply(digit, below))
        digits.append(digit)
    share = ops.divide(rest, below)
    is_up = ops.convert(ops.greater(share, op.constant(0.5)), "f32")
    low = ops.add(ops.multiply(digits[-2], op.constant(2.0 ** _CHUNKS[-1])), digits[-1])
    return ops.add(low, is_up), ops.subtract(is_up, share)


def _power_below(value: Node, unit: Node) -> Node:
    """Return the highest power of 2 that times `unit` is no more than a value; at least 1."""
    has_more = ops.greater_equal(value, ops.multiply(unit, op.constant(_POWERS[1:])))
    return _one_and(has_more)


def _power_above(value: Node, unit: Node) -> Node:
    """Return the lowest power of 2 that times `unit` is no less than a value; at least 1."""
    has_less = ops.greater(value, ops.multiply(unit, op.constant(_POWERS[:-1])))
    return _one_and(has_less)


def _one_and(is_there: Node) -> Node:
    steps = ops.multiply(ops.convert(is_there, "f32"), op.constant(_POWERS[:-1]))
    return ops.add(ops.reduce_sum(steps, op.whole(-1)), op.constant(1.0))
