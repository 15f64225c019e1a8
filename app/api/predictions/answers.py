"""What `/predictions` and `/feedback` answer, and what feedback may say, as types.

`/openapi.json` is made of them, and mypy holds the code to them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from typing_extensions import TypedDict

from app.api.predictions.access import ULID

_Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
_Id = Annotated[str, Field(pattern=ULID)]
_Agrees = Annotated[
    bool | None,
    Field(description="Whether the last truth that was told agrees; null where none was."),
]


class LoggedRow(TypedDict):
    """A row of the prediction log: a prediction, or one of the instances that it found."""

    prediction_id: _Id
    instance_index: Annotated[int, Field(ge=0)]
    model_name: str
    model_version: str
    request_id: str
    created_at: _Moment
    input_shape: Annotated[str, Field(description="Height, width and channels: `480x640x3`.")]
    predicted_class: Annotated[int, Field(ge=-1)]
    label: str | None
    score: float | None
    class_probabilities: list[float | None]
    processing_time_ms: float
    brightness: float | None
    agrees: _Agrees


class LoggedRows(TypedDict):
    """A page of rows, and where others are."""

    predictions: list[LoggedRow]
    next: Annotated[
        str | None, Field(description="The `cursor` of the next page; null where there is none.")
    ]
    newest: Annotated[str, Field(description="`after` this come the rows that are yet to be.")]


class LoggedInstance(LoggedRow):
    """A row with what was answered beside the numbers."""

    detail: Annotated[
        dict[str, Any], Field(description="Label, score and box, or the outputs by name.")
    ]


class ToldTruth(TypedDict):
    """A truth that was told of a prediction."""

    created_at: _Moment
    truth: dict[str, Any]
    agrees: bool | None
    request_id: str


class LoggedPrediction(TypedDict):
    """One prediction."""

    prediction_id: _Id
    rows: list[LoggedInstance]
    feedback: Annotated[list[ToldTruth], Field(description="The last one first.")]


class ErasedPrediction(TypedDict):
    """What was erased of a prediction."""

    prediction_id: _Id
    rows: Annotated[int, Field(ge=0)]
    feedback: Annotated[int, Field(ge=0)]
    inputs: Annotated[int, Field(ge=0, description="That `RECORD_INPUTS` had kept of it.")]
    elsewhere: Annotated[
        list[str], Field(description="What is still to be done where the log was sent to.")
    ]


class RateStep(TypedDict):
    """The predictions of a step of time."""

    at: _Moment
    predictions: int


class AgreementStep(TypedDict):
    """How many predictions of a step of time agree with what is true."""

    at: _Moment
    model: str
    version: str
    agreed: int
    disagreed: int


class LogSummary(TypedDict):
    """The newest rows, counted."""

    rows: Annotated[int, Field(ge=0)]
    is_whole: Annotated[bool, Field(description="False where there are more than were counted.")]
    step_s: Annotated[int, Field(description="How long a step of time is.")]
    rate: list[RateStep]
    scores: Annotated[list[int], Field(description="Rows by score, in equal parts of 0 to 1.")]
    agreement: list[AgreementStep]


class Recorded(TypedDict):
    """What became of feedback."""

    recorded: bool
    joined: Annotated[bool, Field(description="Whether this log has the prediction.")]
    agrees: Annotated[bool | None, Field(description="null where that is not known.")]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _as_whole(value: object) -> object:
    # JSON Schema takes 2.0 for a whole number, too.
    return int(value) if isinstance(value, float) and value.is_integer() else value


_ClassId = Annotated[int, BeforeValidator(_as_whole), Field(ge=0, le=10**9)]
_Label = Annotated[str, Field(min_length=1, max_length=200)]
_Side = Annotated[float, Field(ge=0, le=10**6)]


class TrueBox(_Strict):
    """Where an instance is, in pixels of the picture after its EXIF turn."""

    x_min: _Side
    y_min: _Side
    x_max: _Side
    y_max: _Side


class TrueMask(_Strict):
    """Which pixels are an instance's, as COCO has it."""

    format: Literal["coco_rle"]
    size: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=2, max_length=2)]
    counts: Annotated[str, Field(min_length=1)]


class TrueClassId(_Strict):
    """A class by its number."""

    class_id: _ClassId


class TrueLabel(_Strict):
    """A class by what it is called."""

    label: _Label


class TrueInstance(_Strict):
    """An instance that is there: its class by number or by label, and where it is."""

    class_id: _ClassId | None = None
    label: _Label | None = None
    box: TrueBox | None = None
    mask: TrueMask | None = None

    @model_validator(mode="before")
    @classmethod
    def _has_no_null(cls, given: Any) -> Any:
        if isinstance(given, dict) and None in given.values():
            raise ValueError("what is not known is left out, and not null")
        return given


class TrueInstances(_Strict):
    """All instances that are there; none is an empty list."""

    instances: Annotated[list[TrueInstance], Field(max_length=1000)]


class Feedback(_Strict):
    """What is true of a prediction."""

    prediction_id: _Id
    truth: TrueClassId | TrueLabel | TrueInstances
