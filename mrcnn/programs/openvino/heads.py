"""The head that names a region and refines its box, and the one that draws its mask."""

from __future__ import annotations

import numpy as np
from openvino import opset15 as ops

from mrcnn.programs.openvino import operations as op
from mrcnn.programs.openvino.operations import Node
from mrcnn.programs.openvino.weights import FoldedWeights


def box_head(pooled: Node, weights: FoldedWeights) -> tuple[Node, Node]:
    """Return class logits [n, classes] and deltas [n, classes, 4] of crops [n, c, side, side].

    Reference: He et al., Mask R-CNN, 2017, figure 4, right.
    """
    kernel, bias = weights["mrcnn_class_conv1"]
    side_y, side_x, channels, units = kernel.shape
    inward = side_y * side_x * channels
    x = op.reshaped(pooled, -1, inward)
    as_crops_lie = kernel.transpose(2, 0, 1, 3).reshape(inward, units)
    x = op.dense(x, as_crops_lie, bias, "mrcnn_class_conv1", relu=True)
    kernel, bias = weights["mrcnn_class_conv2"]
    x = op.dense(x, kernel[0, 0], bias, "mrcnn_class_conv2", relu=True)
    logits = op.dense(x, *weights["mrcnn_class_logits"], "mrcnn_class_logits", relu=False)
    deltas = op.dense(x, *weights["mrcnn_bbox_fc"], "mrcnn_bbox_fc", relu=False)
    return logits, op.reshaped(deltas, -1, weights.architecture.num_classes, 4)


def mask_head(pooled: Node, classes: Node, weights: FoldedWeights) -> Node:
    """Return mask logits [n, 2 · side, 2 · side] of crops [n, c, side, side], each of its class.

    The original draws one for every class and takes one.
    """
    x = pooled
    for index in (1, 2, 3, 4):
        name = f"mrcnn_mask_conv{index}"
        x = op.convolution(x, weights[name], name, relu=True)
    x = _doubled(x, weights)
    kernel, bias = weights["mrcnn_mask"]
    channels, count = kernel.shape[2:]
    of_class = op.constant(np.ascontiguousarray(kernel[0, 0].T).reshape(count, 1, channels))
    of_class.set_friendly_name("mrcnn_mask/kernel")
    chosen = op.gathered(of_class, classes)  # [n, 1, channels]
    flat = op.reshaped(x, 0, channels, -1)
    y = ops.matmul(chosen, flat, False, False)  # [n, 1, 4 · side²]
    y.set_friendly_name("mrcnn_mask")
    y = ops.add(y, op.gathered(op.constant(bias.reshape(count, 1, 1)), classes))
    sides = op.gathered(ops.shape_of(x, "i64"), op.whole(0, 2, 3))
    return ops.reshape(y, sides, False)


def _doubled(x: Node, weights: FoldedWeights) -> Node:
    kernel, bias = weights["mrcnn_mask_deconv"]  # [2, 2, out, in]
    node = op.constant(np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)))
    node.set_friendly_name("mrcnn_mask_deconv/kernel")
    y = ops.convolution_backprop_data(x, node, [2, 2], pads_begin=[0, 0], pads_end=[0, 0])
    y.set_friendly_name("mrcnn_mask_deconv")
    return ops.relu(ops.add(y, op.constant(bias.reshape(1, -1, 1, 1))))
