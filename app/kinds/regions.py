"""What answers say of a part of a picture: its box and its mask, in COCO's run-length code."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco
from pydantic import Field
from typing_extensions import TypedDict

_Pixels = Annotated[int, Field(ge=0)]
_Size = Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=2, max_length=2)]


class Box(TypedDict):
    """The smallest rectangle around an instance; `x_max` and `y_max` are exclusive."""

    x_min: _Pixels
    y_min: _Pixels
    x_max: _Pixels
    y_max: _Pixels


class RunLengthCode(TypedDict):
    """COCO's compressed run-length code of a whole picture, as pycocotools reads it."""

    size: Annotated[_Size, Field(description="Height and width of the picture.")]
    counts: str


class RleMask(RunLengthCode):
    """`masks=rle`: COCO's compressed run-length code of the whole picture."""

    format: Literal["coco_rle"]


def rle_of(mask: NDArray[np.bool_]) -> RleMask:
    """Return the code of a mask of a whole picture, [height, width]."""
    code = coco.encode(np.asfortranarray(mask).view(np.uint8))
    height, width = mask.shape
    return {"format": "coco_rle", "size": [height, width], "counts": code["counts"].decode("ascii")}


def box_of(mask: NDArray[np.bool_]) -> Box:
    """Return the smallest rectangle around a mask that has a pixel."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return {
        "x_min": int(columns[0]),
        "y_min": int(rows[0]),
        "x_max": int(columns[-1]) + 1,
        "y_max": int(rows[-1]) + 1,
    }
