"""What answers about instances look like. Each is a plain dict; these types say what is in it.

mypy holds the code that makes answers to them, `/openapi.json` is generated from them, and the
tests hold real answers to that. Nothing is checked while the server runs.
"""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from app.kinds.face import Answer
from app.kinds.pictures import PictureSize
from app.kinds.regions import Box, RleMask, RunLengthCode

MaskFormat = Literal["rle", "polygon", "png", "none"]

_Pixels = Annotated[int, Field(ge=0)]
_Point = Annotated[list[float], Field(min_length=2, max_length=2)]
_Ring = Annotated[list[_Point], Field(min_length=4)]


class PolygonMask(TypedDict):
    """`masks=polygon`: outlines in the picture's pixels."""

    format: Literal["polygon"]
    coordinates: Annotated[
        list[list[_Ring]],
        Field(
            description="As in a GeoJSON MultiPolygon: a polygon is its closed outline, then its "
            "holes; a point is [x, y]."
        ),
    ]


class PngMask(TypedDict):
    """`masks=png`: a picture of the box, white where the instance is."""

    format: Literal["png"]
    data: Annotated[
        str,
        Field(json_schema_extra={"contentEncoding": "base64", "contentMediaType": "image/png"}),
    ]


Mask = Annotated[RleMask | PolygonMask | PngMask, Field(discriminator="format")]


class Instance(TypedDict):
    """One thing that was found."""

    class_id: Annotated[int, Field(ge=1)]
    label: Annotated[str, Field(description="The class's name.", examples=["person"])]
    score: Annotated[float, Field(ge=0, le=1)]
    box: Box
    area: Annotated[int, Field(ge=0, description="How many pixels the mask has.")]
    mask: NotRequired[Annotated[Mask, Field(description="Left out with `masks=none`.")]]


class PredictAnswer(Answer):
    """What is on one picture, best score first. Pixels: `x` to the right, `y` down."""

    image: PictureSize
    instances: list[Instance]


class CocoResult(TypedDict):
    """One instance in COCO's results format."""

    image_id: int
    category_id: Annotated[int, Field(ge=1, description="The class id.")]
    bbox: Annotated[
        list[_Pixels], Field(min_length=4, max_length=4, description="x, y, width and height.")
    ]
    score: Annotated[float, Field(ge=0, le=1)]
    segmentation: NotRequired[
        Annotated[RunLengthCode, Field(description="Left out with `masks=none`.")]
    ]
