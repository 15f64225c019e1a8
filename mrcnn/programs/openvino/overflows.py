"""Whether a network's numbers overflow, found before its graph is built.

OpenVINO's Relu makes 0 of NaN, where TensorFlow's keeps it: a network that overflows would answer
as if it saw nothing. So it is asked here what a picture of one colour gives far from its edges,
where all cells of a map are alike and a convolution is a product with the sum of its kernel.
"""

from __future__ import annotations

import string

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mrcnn.programs.openvino.weights import FoldedWeights

_COLOURS = 8

#: Of each colour what a cell has: [colours, channels].
Cells = NDArray[np.float32]


class LayerOverflowError(Exception):
    """A layer gave what is infinite or no number."""


def overflows(weights: FoldedWeights, mean: ArrayLike) -> bool:
    """Say whether a layer gives infinite numbers, or none, for pictures of one colour.

    Args:
        mean: of each channel, as it is subtracted from pixels.
    """
    channels = weights.architecture.input_channels
    colours = np.random.default_rng(0).integers(0, 256, (_COLOURS, channels))
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            _pass((colours - np.asarray(mean)).astype(np.float32), weights)
    except LayerOverflowError:
        return True
    return False


def _pass(x: Cells, weights: FoldedWeights) -> None:
    maps = _backbone(_relu(_layer(x, "conv1", weights)), weights)
    merged = _layer(maps[3], "fpn_c5p5", weights)
    levels = [_layer(merged, "fpn_p5", weights)]
    for level in (4, 3, 2):
        merged = _finite(merged + _layer(maps[level - 2], f"fpn_c{level}p{level}", weights))
        levels.append(_layer(merged, f"fpn_p{level}", weights))
    x = np.concatenate(levels)
    shared = _relu(_layer(x, "rpn_conv_shared", weights))
    crops = _relu(_layer(x, "mrcnn_class_conv1", weights))
    crops = _relu(_layer(crops, "mrcnn_class_conv2", weights))
    for index in (1, 2, 3, 4):
        x = _relu(_layer(x, f"mrcnn_mask_conv{index}", weights))
    kernel, bias = weights["mrcnn_mask_deconv"]  # [2, 2, out, in]: each cell becomes four
    x = np.concatenate(
        [_relu(_finite(x @ one.T + bias)) for one in kernel.reshape(4, *kernel.shape[2:])]
    )
    ends = [(shared, "rpn_class_raw"), (shared, "rpn_bbox_pred"), (crops, "mrcnn_class_logits")]
    for cells, name in (*ends, (crops, "mrcnn_bbox_fc"), (x, "mrcnn_mask")):
        _layer(cells, name, weights)


def _backbone(x: Cells, weights: FoldedWeights) -> list[Cells]:
    maps = []
    for stage, count in enumerate(weights.architecture.backbone_spec.blocks, 2):
        for letter in string.ascii_lowercase[:count]:
            name = f"res{stage}{letter}_branch"
            y = _relu(_layer(x, f"{name}2a", weights))
            y = _relu(_layer(y, f"{name}2b", weights))
            y = _layer(y, f"{name}2c", weights)
            shortcut = _layer(x, f"{name}1", weights) if f"{name}1" in weights else x
            x = _relu(_finite(shortcut + y))
        maps.append(x)
    return maps


def _layer(x: Cells, name: str, weights: FoldedWeights) -> Cells:
    kernel, bias = weights[name]
    summed = kernel.reshape(-1, *kernel.shape[-2:]).sum(axis=0)
    return _finite(x @ summed + bias)


def _relu(x: Cells) -> Cells:
    return np.maximum(x, 0)


def _finite(x: Cells) -> Cells:
    if not np.isfinite(x).all():
        raise LayerOverflowError
    return x
