"""What the layers inside of a network compute for some pictures, by Matterport's names."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from mrcnn.config import SIZE_MULTIPLE
from mrcnn.keras_model import KerasModel

_SOME = "input_image, conv1 to res5c_out, fpn_p2 to fpn_p6, rpn_class, rpn_bbox, ROI, mrcnn_mask"


def ancestor(model: KerasModel, name: str) -> Any:
    """Return the tensor that TensorFlow 1 called `name`, or None where there is none.

    Of the layer ROI, what it computes on its way is known: "ROI/refined_anchors:0". Of the others
    there is the output alone, whatever follows the slash: "fpn_p2/BiasAdd:0".
    """
    layer, slash, node = name.partition("/")
    if layer == "ROI":
        # Versions of TensorFlow 1 differ in what they add to the name of the suppression.
        return model.layout.nodes.get(re.sub(r"/NonMaxSuppressionV\d", "", node))
    found = [known for known in model.layers if known.name == layer and slash]
    return found[0].output if found and layer != "rpn_model" else None


def run(
    model: KerasModel, outputs: Iterable[tuple[str, Any]], inputs: Sequence[NDArray[Any]]
) -> OrderedDict[str, NDArray[Any]]:
    """Return the values of `outputs`, (name, symbolic tensor) each, for the model's `inputs`.

    Raises ValueError, naming it, for what is no tensor of this model, and for images of other sizes
    than the pyramid can halve.
    """
    height, width = inputs[0].shape[1:3]
    if height % SIZE_MULTIPLE or width % SIZE_MULTIPLE:
        raise ValueError(
            f"the molded images are {width} x {height} pixels; sides must be multiples of "
            f"{SIZE_MULTIPLE}: see config.IMAGE_RESIZE_MODE"
        )
    wanted = OrderedDict(outputs)
    for name, tensor in wanted.items():
        if not isinstance(tensor, keras.KerasTensor):
            raise ValueError(
                f"{name}: {tensor!r} is no tensor of a layer; write "
                f"(name, model.keras_model.get_layer(layer).output), layer being one of {_SOME} ..."
            )
    try:
        function = keras.Function(model.inputs, list(wanted.values()))
    except ValueError as error:
        raise ValueError(
            f"{', '.join(wanted)}: not all are tensors of model.keras_model; take them from its "
            "get_layer(name).output"
        ) from error
    values = function([np.asarray(array, np.float32) for array in inputs])
    return OrderedDict(zip(wanted, map(np.asarray, values), strict=True))
