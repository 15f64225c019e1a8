"""What was found on a photo, as the dictionary that Matterport's `detect` gave."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mrcnn.instances import Instances
from mrcnn.masks import paste


def result_of(
    found: Instances,
    frame: tuple[int, int] | None = None,
    corner: tuple[int, int] = (0, 0),
) -> dict[str, NDArray[Any]]:
    """Return instances as Matterport has them, in `frame`, where their photo lies at `corner`."""
    boxes = found.boxes_yxyx + np.array([*corner, *corner], np.int32)
    masks = np.zeros((*(frame or found.image_size), len(found)), bool)
    for index, (top, left, bottom, right) in enumerate(boxes):
        masks[top:bottom, left:right, index] = paste(found.masks[index], (top, left, bottom, right))
    return {
        "rois": boxes,
        "class_ids": found.class_ids,
        "scores": found.scores,
        "masks": masks,
    }
