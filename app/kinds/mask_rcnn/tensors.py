"""Instances as the tensors that come out of a model, and back."""

from __future__ import annotations

import numpy as np

from app.kinds.kind import Field, Signature
from app.kinds.tensors import Tensors
from mrcnn.instances import Instances

#: The one input: uint8 [height, width, 3] RGB, or 4 where the picture has a fourth channel.
PICTURE = "image"
_ARRAYS = ("boxes_yxyx", "class_ids", "scores", "masks", "probabilities")

SIGNATURE = Signature(
    inputs=(Field(PICTURE, "uint8", (None, None, None), "picture"),),
    outputs=(
        Field("image_size", "int32", (2,)),
        Field("boxes_yxyx", "int32", (None, 4)),
        Field("class_ids", "int32", (None,)),
        Field("scores", "float32", (None,)),
        Field("masks", "float32", (None, None, None)),
        Field("probabilities", "float32", (None, None)),
    ),
)


def tensors_of(instances: Instances) -> Tensors:
    """Return the instances as outputs of `SIGNATURE`."""
    arrays = {name: getattr(instances, name) for name in _ARRAYS}
    return {"image_size": np.array(instances.image_size, np.int32), **arrays}


def instances_of(result: Tensors) -> Instances:
    """Return the instances that such outputs are."""
    height, width = (int(side) for side in result["image_size"])
    arrays = {name: result[name] for name in _ARRAYS}
    return Instances((height, width), **arrays)
