"""The whole network as one graph: a picture in, its detections with their masks out."""

from __future__ import annotations

from typing import Any

import openvino as ov
from openvino import opset15 as ops

from mrcnn.config import Config
from mrcnn.programs.openvino import operations as op
from mrcnn.programs.openvino.align import align
from mrcnn.programs.openvino.body import body
from mrcnn.programs.openvino.heads import box_head, mask_head
from mrcnn.programs.openvino.operations import Node
from mrcnn.programs.openvino.regions import detections, proposals
from mrcnn.programs.openvino.weights import FoldedWeights

#: Sides that are free.
ANY_SHAPE = (-1, -1)


def build(
    weights: FoldedWeights, config: Config, *, shape: tuple[int, int], pixel_type: str
) -> Any:
    """Return the network as an `openvino.Model`.

    Args:
        shape: height and width of the molded pictures; -1 is free.
        pixel_type: "u8" or "f32".

    The model's inputs, in their order: `pixels` [1, height, width, channels], the mean not yet
    subtracted; `anchors` [n, 4], normalized; `window` [4], normalized; `least`, a scalar. Its
    outputs: `boxes` [k, 4], normalized, best first; `classes` [k] int32; `scores` [k];
    `probabilities` [k, classes]; `masks` [k, side, side], 0 to 1; `sums`, which are finite where
    all is that the network's parts gave.
    """
    channels = weights.architecture.input_channels
    pixels = op.parameter("pixels", [1, *shape, channels], pixel_type)
    anchors = op.parameter("anchors", [-1, 4], "f32")
    window = op.parameter("window", [4], "f32")
    least = op.parameter("least", [], "f32")
    seen = body(pixels, weights, config)
    size = op.gathered(ops.shape_of(pixels, "i64"), op.whole(1, 2))
    image_shape = ops.convert(size, "f32")
    regions = proposals(seen.logits, seen.deltas, anchors, config)
    crops = align(regions, seen.levels, image_shape, weights.architecture.classifier_pool)
    logits, deltas = (crops.in_order(rows) for rows in box_head(crops.pooled, weights))
    found = detections(regions, logits, deltas, window, least, config)
    crops = align(found.boxes, seen.levels, image_shape, int(config.MASK_POOL_SIZE))
    classes = op.gathered(found.classes, crops.places)
    mask_logits = crops.in_order(mask_head(crops.pooled, classes, weights))
    outputs = {
        "boxes": found.boxes,
        "classes": found.classes,
        "scores": found.scores,
        "probabilities": found.probabilities,
        "masks": ops.sigmoid(mask_logits),
        "sums": _sums(seen.logits, seen.deltas, logits, deltas, mask_logits),
    }
    return ov.Model(
        [op.result(node, name) for name, node in outputs.items()],
        [pixels, anchors, window, least],
        "mask_rcnn",
    )


def _sums(*parts: Node) -> Node:
    """Return the sum of each: neither NaN nor infinite where all numbers are finite."""
    return op.joined([ops.reduce_sum(op.reshaped(x, -1), op.whole(0), True) for x in parts], 0)
