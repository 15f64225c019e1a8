"""The layers of a network with the shapes of their arrays. No framework is imported here."""

from __future__ import annotations

import math
import string
from collections.abc import Iterator

from mrcnn.architecture import Architecture
from mrcnn.weights import norm_of

Shapes = dict[str, list[tuple[int, ...]]]


def layer_shapes(architecture: Architecture) -> Shapes:
    """Return kernel and bias of each layer, by Matterport's names, without normalizations."""
    return {name: [kernel, bias] for name, kernel, bias in _layers(architecture)}


def with_norms(shapes: Shapes) -> Shapes:
    """Return the layers with the normalizations that a weight file has behind them."""
    norms = {norm: [shapes[name][1]] * 4 for name in shapes if (norm := norm_of(name))}
    return shapes | norms


def parameter_count(architecture: Architecture) -> int:
    """Return how many numbers a network has, the normalizations folded in."""
    shapes = layer_shapes(architecture).values()
    return sum(math.prod(shape) for arrays in shapes for shape in arrays)


_Layer = tuple[str, tuple[int, ...], tuple[int, ...]]


def _layers(a: Architecture) -> Iterator[_Layer]:
    def convolution(name: str, side: int, inward: int, outward: int) -> _Layer:
        return name, (side, side, inward, outward), (outward,)

    def dense(name: str, inward: int, outward: int) -> _Layer:
        return name, (inward, outward), (outward,)

    yield from _backbone(a)
    for level, channels in enumerate(a.backbone_spec.channels, 2):
        yield convolution(f"fpn_c{level}p{level}", 1, channels, a.pyramid_channels)
        yield convolution(f"fpn_p{level}", 3, a.pyramid_channels, a.pyramid_channels)
    yield convolution("rpn_conv_shared", 3, a.pyramid_channels, a.rpn_channels)
    yield convolution("rpn_class_raw", 1, a.rpn_channels, 2 * a.anchors_per_location)
    yield convolution("rpn_bbox_pred", 1, a.rpn_channels, 4 * a.anchors_per_location)
    units = a.classifier_units
    yield convolution("mrcnn_class_conv1", a.classifier_pool, a.pyramid_channels, units)
    yield convolution("mrcnn_class_conv2", 1, units, units)
    yield dense("mrcnn_class_logits", units, a.num_classes)
    yield dense("mrcnn_bbox_fc", units, 4 * a.num_classes)
    for index in (1, 2, 3, 4):
        inward = a.pyramid_channels if index == 1 else a.mask_channels
        yield convolution(f"mrcnn_mask_conv{index}", 3, inward, a.mask_channels)
    yield convolution("mrcnn_mask_deconv", 2, a.mask_channels, a.mask_channels)
    yield convolution("mrcnn_mask", 1, a.mask_channels, a.num_classes)


def _backbone(a: Architecture) -> Iterator[_Layer]:
    spec = a.backbone_spec
    yield "conv1", (7, 7, a.input_channels, spec.stem), (spec.stem,)
    inward = spec.stem
    for stage, (count, width) in enumerate(zip(spec.blocks, spec.widths, strict=True), 2):
        for letter in string.ascii_lowercase[:count]:
            name, outward = f"res{stage}{letter}_branch", 4 * width
            yield f"{name}2a", (1, 1, inward, width), (width,)
            yield f"{name}2b", (3, 3, width, width), (width,)
            yield f"{name}2c", (1, 1, width, outward), (outward,)
            if letter == "a":
                yield f"{name}1", (1, 1, inward, outward), (outward,)
            inward = outward
