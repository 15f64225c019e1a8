"""From pixels to the pyramid, and to what the region proposal network says of each anchor."""

from __future__ import annotations

import string
from typing import NamedTuple

import numpy as np
from openvino import opset15 as ops

from mrcnn.config import Config
from mrcnn.programs.openvino import operations as op
from mrcnn.programs.openvino.operations import Node
from mrcnn.programs.openvino.weights import FoldedWeights


class Body(NamedTuple):
    """What one picture's pixels give."""

    levels: list[Node]  # P2 .. P5 [1, channels, height / s, width / s]
    logits: Node  # [anchors, 2] background and object
    deltas: Node  # [anchors, 4]


def body(pixels: Node, weights: FoldedWeights, config: Config) -> Body:
    """Add the backbone, the pyramid and the proposal head.

    Args:
        pixels: [1, height, width, channels] of any type, the mean not yet subtracted.

    Reference: He et al., Deep Residual Learning, 2015; Lin et al., Feature Pyramid Networks, 2016;
    Ren et al., Faster R-CNN, 2015.
    """
    x = ops.transpose(ops.convert(pixels, "f32"), op.whole(0, 3, 1, 2))
    mean = np.asarray(config.MEAN_PIXEL, np.float32).reshape(1, -1, 1, 1)
    maps = _backbone(ops.subtract(x, op.constant(mean)), weights)
    levels = _pyramid(maps, weights)
    # P6 is every second cell of P5, and serves the proposals alone.
    smallest = ops.max_pool(levels[3], [2, 2], [1, 1], [0, 0], [0, 0], [1, 1], "floor").output(0)
    logits, deltas = _proposal_head([*levels, smallest], weights, int(config.RPN_ANCHOR_STRIDE))
    return Body(levels, logits, deltas)


def _backbone(x: Node, weights: FoldedWeights) -> list[Node]:
    x = op.convolved(x, *weights["conv1"], "conv1", stride=2, around=[3, 3], relu=True)
    x = ops.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [3, 3], "floor", "same_upper").output(0)
    maps = []
    for stage, count in enumerate(weights.architecture.backbone_spec.blocks, 2):
        for letter in string.ascii_lowercase[:count]:
            stride = 2 if letter == "a" and stage > 2 else 1
            x = _block(x, f"res{stage}{letter}_branch", weights, stride)
        maps.append(x)
    return maps


def _block(x: Node, name: str, weights: FoldedWeights, stride: int) -> Node:
    def part(x: Node, branch: str, stride: int, *, relu: bool) -> Node:
        layer = name + branch
        return op.convolution(x, weights[layer], layer, stride=stride, relu=relu)

    y = part(x, "2a", stride, relu=True)
    y = part(y, "2b", 1, relu=True)
    y = part(y, "2c", 1, relu=False)
    shortcut = part(x, "1", stride, relu=False) if f"{name}1" in weights else x
    y = ops.add(shortcut, y)
    y.set_friendly_name(f"{name}2c/sum")
    return ops.relu(y)


def _pyramid(maps: list[Node], weights: FoldedWeights) -> list[Node]:
    def layer(x: Node, name: str) -> Node:
        return op.convolution(x, weights[name], name)

    merged = [layer(maps[3], "fpn_c5p5")]
    for level in (4, 3, 2):
        lateral = layer(maps[level - 2], f"fpn_c{level}p{level}")
        merged.insert(0, ops.add(_doubled(merged[0]), lateral))
    return [layer(x, f"fpn_p{level}") for level, x in enumerate(merged, 2)]


def _doubled(x: Node) -> Node:
    return ops.interpolate(
        x,
        op.constant([2.0, 2.0]),
        "nearest",
        "scales",
        [0, 0, 0, 0],
        [0, 0, 0, 0],
        "asymmetric",
        nearest_mode="floor",
        axes=op.whole(2, 3),
    )


def _proposal_head(levels: list[Node], weights: FoldedWeights, stride: int) -> tuple[Node, Node]:
    """Both outputs are one convolution, since both read the same."""
    classes, boxes = weights["rpn_class_raw"], weights["rpn_bbox_pred"]
    kernel = np.concatenate([classes[0], boxes[0]], axis=-1)
    bias = np.concatenate([classes[1], boxes[1]])
    of_classes = classes[1].size
    logits, deltas = [], []
    for level, x in enumerate(levels, 2):
        name = f"rpn_conv_shared/p{level}"
        x = op.convolution(x, weights["rpn_conv_shared"], name, stride=stride, relu=True)
        y = op.convolution(x, (kernel, bias), f"rpn_outputs/p{level}")
        y = ops.transpose(y, op.whole(0, 2, 3, 1))
        logits.append(op.reshaped(op.columns(y, 0, of_classes), -1, 2))
        deltas.append(op.reshaped(op.columns(y, of_classes, bias.size), -1, 4))
    return op.joined(logits, 0), op.joined(deltas, 0)
