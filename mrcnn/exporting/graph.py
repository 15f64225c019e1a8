"""One OpenVINO graph of everything: a picture in, its instances out."""

from __future__ import annotations

from typing import Any

import openvino as ov
from openvino import opset15 as ops

from mrcnn.architecture import Architecture
from mrcnn.config import Config
from mrcnn.exporting.answers import Masks, answers
from mrcnn.exporting.frame import anchors_of, frame_of, normalized
from mrcnn.programs.openvino import operations as op

#: The network's outputs that are of use outside.
_FOUND = ("boxes", "classes", "scores", "masks")


def whole(
    model: Any, architecture: Architecture, config: Config, *, least: float, masks: Masks
) -> Any:
    """Return a network with all around it that its users would else have to do.

    Args:
        model: what `mrcnn.programs.openvino.graph.build` gives, or its form in eight bits; it is
            taken apart.
        least: the least score of a detection.
        masks: see `answers`.
    """
    picture = op.parameter("picture", [1, -1, -1, architecture.input_channels], "u8")
    frame = frame_of(picture, config)
    window = normalized(frame.window, frame.size)
    size = ops.convert(op.gathered(ops.shape_of(picture, "i64"), op.whole(1, 2)), "f32")
    given = {
        "pixels": frame.pixels,
        "anchors": anchors_of(frame.size, config),
        "window": window,
        "least": op.constant(least),
    }
    found = {name: model.output(name).get_node().input_value(0) for name in _FOUND}
    for parameter in model.inputs:
        parameter.replace(given[parameter.get_any_name()].output(0))
    side = 2 * int(config.MASK_POOL_SIZE)
    outputs = answers(found, window, size, side, masks)
    return ov.Model(
        [op.result(node, name) for name, node in outputs.items()], [picture], "mask_rcnn"
    )
