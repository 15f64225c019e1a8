"""Box arithmetic: from anchors to regions, from regions to detections. Boxes are y1 x1 y2 x2."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from openvino import opset15 as ops

from mrcnn.config import Config
from mrcnn.programs.openvino import operations as op
from mrcnn.programs.openvino.operations import Node


class Detections(NamedTuple):
    """What is kept of the regions, best first."""

    boxes: Node  # [k, 4] normalized
    classes: Node  # [k] int32
    scores: Node  # [k]
    probabilities: Node  # [k, classes]


def proposals(logits: Node, deltas: Node, anchors: Node, config: Config) -> Node:
    """Return regions [count, 4], normalized, best first, padded with zeros.

    Args:
        logits: [anchors, 2].
        deltas: [anchors, 4].
        anchors: [anchors, 4], normalized.

    Reference: Ren et al., Faster R-CNN, 2015.
    """
    scores = _softmax_of_second(logits)
    limit = ops.minimum(op.count_of(scores), op.scalar(int(config.PRE_NMS_LIMIT)))
    order = op.best(_apart(scores), limit)
    spread = op.constant(np.asarray(config.RPN_BBOX_STD_DEV, np.float32))
    moves = ops.multiply(op.gathered(deltas, order), spread)
    boxes = ops.clamp(_moved(op.gathered(anchors, order), moves), 0.0, 1.0)
    count = int(config.POST_NMS_ROIS_INFERENCE)
    ranks = _falling(op.count_of(order))
    kept = _suppressed(
        boxes, ops.unsqueeze(ranks, op.whole(0)), count, float(config.RPN_NMS_THRESHOLD)
    )
    regions = op.gathered(boxes, op.squeezed(op.columns(kept, 2, 3), 1))
    padded = op.joined([regions, op.constant(np.zeros((count, 4)))], 0)
    return ops.slice(padded, op.whole(0), op.whole(count), op.whole(1), op.whole(0))


def detections(
    regions: Node, logits: Node, deltas: Node, window: Node, least: Node, config: Config
) -> Detections:
    """Refine the regions' boxes, drop weak and overlapping ones, keep the best.

    Args:
        regions: [n, 4], normalized.
        logits: [n, classes].
        deltas: [n, classes, 4].
        window: [4], normalized: the part of the picture that is not padding.
        least: scalar, the least score.

    Reference: He et al., Mask R-CNN, 2017; the original project's order of steps.
    """
    probabilities = ops.softmax(logits, 1)
    best = ops.topk(
        probabilities, op.scalar(1), 1, "max", "value", index_element_type="i32", stable=True
    )
    classes = op.squeezed(best.output(1), 1)
    scores, order = op.ranked(op.squeezed(best.output(0), 1), op.count_of(classes))
    classes, probabilities = op.gathered(classes, order), op.gathered(probabilities, order)
    chosen = ops.gather(
        op.gathered(deltas, order), ops.unsqueeze(classes, op.whole(1)), op.scalar(1), 1
    )
    spread = op.constant(np.asarray(config.BBOX_STD_DEV, np.float32))
    moves = ops.multiply(op.squeezed(chosen, 1), spread)
    boxes = _within(_moved(op.gathered(regions, order), moves), window)
    is_strong = ops.logical_and(
        ops.greater(classes, op.scalar(0, np.int32)), ops.greater_equal(scores, least)
    )
    ranks = ops.select(is_strong, _falling(op.count_of(order)), op.constant(0.0))
    of_class = ops.equal(
        op.constant(np.arange(int(config.NUM_CLASSES))[:, None], np.int32),
        ops.unsqueeze(classes, op.whole(0)),
    )
    count = int(config.DETECTION_MAX_INSTANCES)
    kept = _suppressed(
        boxes,
        ops.select(of_class, ops.unsqueeze(ranks, op.whole(0)), op.constant(0.0)),
        count,
        float(config.DETECTION_NMS_THRESHOLD),
    )
    kept = ops.slice(kept, op.whole(0), op.whole(count), op.whole(1), op.whole(0))
    places = op.squeezed(op.columns(kept, 2, 3), 1)
    return Detections(*(op.gathered(x, places) for x in (boxes, classes, scores, probabilities)))


def _softmax_of_second(logits: Node) -> Node:
    """Return [n] of [n, 2]. A sigmoid stays below 1.0 where this is 1.0, which makes other ties."""
    behind = op.squeezed(ops.subtract(op.columns(logits, 0, 1), op.columns(logits, 1, 2)), 1)
    return ops.divide(op.constant(1.0), ops.add(op.constant(1.0), ops.exp(behind)))


def _apart(scores: Node) -> Node:
    """Return [n] in the same order, in which those of 1.0 and of 0.0 come by their places.

    Sorted as they are, with an order among equals, they would take twenty times as long as the
    whole network takes for a small picture; and other equals than these are there by chance.
    """
    place = ops.multiply(op.range_to(op.count_of(scores), "f32"), op.constant(np.float32(2.0**-23)))
    first = ops.maximum(ops.subtract(op.constant(2.0), place), op.constant(1.0))
    scores = ops.select(ops.equal(scores, op.constant(1.0)), first, scores)
    return ops.select(ops.equal(scores, op.constant(0.0)), ops.negative(place), scores)


def _moved(boxes: Node, deltas: Node) -> Node:
    """Shift and scale boxes [n, 4] by deltas [n, 4] (dy, dx, log dh, log dw).

    Reference: Girshick et al., R-CNN, 2013, appendix C.
    """
    low = op.columns(boxes, 0, 2)
    size = ops.subtract(op.columns(boxes, 2, 4), low)
    half = op.constant(0.5)
    centre = ops.add(
        ops.add(low, ops.multiply(half, size)), ops.multiply(op.columns(deltas, 0, 2), size)
    )
    size = ops.multiply(size, ops.exp(op.columns(deltas, 2, 4)))
    low = ops.subtract(centre, ops.multiply(half, size))
    return op.joined([low, ops.add(low, size)], 1)


def _within(boxes: Node, window: Node) -> Node:
    low = op.gathered(window, op.whole(0, 1, 0, 1))
    high = op.gathered(window, op.whole(2, 3, 2, 3))
    return ops.maximum(ops.minimum(boxes, high), low)


def _falling(count: Node) -> Node:
    """Return count, count - 1 … 1: scores of rows in order, no two of which are equal."""
    return ops.convert(ops.subtract(count, op.range_to(count, "i64")), "f32")


def _suppressed(boxes: Node, ranks: Node, most: int, threshold: float) -> Node:
    """Return [k, 3] of what stays: 0, the class and the row, the highest rank first.

    `ranks` are [classes, n]; what has 0 is not looked at. What overlaps a better one by more than
    `threshold` goes; OpenVINO takes away what overlaps by as much, too.
    """
    # Nothing smaller than the least normal number, which is taken for 0.
    beyond = max(np.nextafter(np.float32(threshold), np.float32(2)), np.finfo(np.float32).tiny)
    return ops.non_max_suppression(
        ops.unsqueeze(boxes, op.whole(0)),
        ops.unsqueeze(ranks, op.whole(0)),
        op.scalar(most),
        op.constant(beyond),
        op.constant(0.0),
        box_encoding="corner",
        sort_result_descending=True,
        output_type="i32",
    ).output(0)
