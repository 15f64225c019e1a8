"""What answers look like. Each is a plain dict; these types say what is in it.

mypy holds the code that makes answers to them, `/openapi.json` is generated from them, and the
tests hold real answers to that. Nothing is checked while the server runs. No Flask in here.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

MaskFormat = Literal["rle", "polygon", "png", "none"]
AnswerFormat = Literal["json", "png", "coco"]

_ID = Annotated[str, Field(examples=["01JD6Z8M3V5W0Q4T2R9XK7B1NC"])]
_Pixels = Annotated[int, Field(ge=0)]
_Milliseconds = Annotated[float, Field(ge=0)]
_Size = Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=2, max_length=2)]
_Base64 = Annotated[str, Field(json_schema_extra={"contentEncoding": "base64"})]
_Point = Annotated[list[float], Field(min_length=2, max_length=2)]
_Ring = Annotated[list[_Point], Field(min_length=4)]


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


class PictureSize(TypedDict):
    """The picture after its EXIF turn: the frame of all pixels in the answer."""

    width: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]


class Timing(TypedDict):
    """Where the time went, in milliseconds."""

    decode: _Milliseconds
    queue: _Milliseconds
    inference: _Milliseconds
    encode: _Milliseconds


class PredictAnswer(TypedDict):
    """What is on one picture, best score first. Pixels: `x` to the right, `y` down."""

    prediction_id: _ID
    model: str
    version: Annotated[int, Field(ge=1)]
    image: PictureSize
    instances: list[Instance]
    timing_ms: Timing


class PredictAnswers(TypedDict):
    """What is on each of `instances`, in their order."""

    predictions: list[PredictAnswer]


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


class ModelState(TypedDict):
    """How far one model has come."""

    name: str
    version: Annotated[int, Field(ge=0, description="0 where no numbered version was found.")]
    state: Literal["loading", "ready", "failed"]


@with_config(ConfigDict(extra="allow"))
class ModelStatus(ModelState):
    """One model: what it is, and whether it serves. Its kind may tell more than this."""

    error: Annotated[str | None, Field(description="Why it failed.")]
    kind: Annotated[str | None, Field(description="Null until it is known.")]
    default: Annotated[bool, Field(description="Whether it answers a request that names none.")]
    loaded_s: Annotated[float | None, Field(ge=0, description="Seconds that it took to load.")]
    about: NotRequired[Annotated[str, Field(description="What its owner wrote about it.")]]
    labels: NotRequired[Annotated[list[str], Field(description="Class 1's first.")]]
    num_classes: NotRequired[Annotated[int, Field(ge=1, description="With the background.")]]
    config: NotRequired[Annotated[dict[str, Any], Field(description="Its settings.")]]
    file: NotRequired[str]
    bytes: NotRequired[Annotated[int, Field(ge=0)]]
    sha256: NotRequired[Annotated[str, Field(pattern="^[0-9a-f]{64}$")]]


class Models(TypedDict):
    """Every model of the repository."""

    models: list[ModelStatus]


class ModelVersions(TypedDict):
    """One model's versions."""

    name: str
    versions: list[ModelStatus]


class Sample(TypedDict):
    """A picture that lies with a model."""

    model: str
    name: str
    url: Annotated[str, Field(json_schema_extra={"format": "uri-reference"})]


class Samples(TypedDict):
    """The pictures to try."""

    samples: list[Sample]


class Alive(TypedDict):
    """The HTTP side works."""

    status: Literal["ok"]


class Ready(TypedDict):
    """Predictions can be made."""

    status: Literal["ready"]


class Problem(TypedDict):
    """An error, as in RFC 9457."""

    type: Annotated[str, Field(description="`/problems/<slug>`.", pattern="^/problems/[a-z0-9-]+$")]
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: Annotated[str, Field(description="What is wrong, in a sentence.")]
    request_id: Annotated[str, Field(description="The same as in `X-Request-ID`.")]
    field: NotRequired[
        Annotated[str, Field(description="The part of the request that does not fit.")]
    ]
    value: NotRequired[Annotated[str | float | bool | None, Field(description="What it was.")]]
    limit: NotRequired[Annotated[float, Field(description="The most that is accepted.")]]
    unit: NotRequired[Annotated[str, Field(description="What `value` and `limit` count.")]]
    allowed: NotRequired[Annotated[list[str | int], Field(description="What would fit.")]]
    models: NotRequired[
        Annotated[list[ModelState], Field(description="The models that are awaited.")]
    ]
