"""The parameters of a prediction, from query, form or JSON, checked in one place.

Every refusal names the parameter, the value and what is allowed; a name that is unknown or given
twice is refused too, so that a typing error never passes for a default.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.api.answers import AnswerFormat, MaskFormat
from app.api.fields import LARGEST_EXACT, NUMBER, WHOLE_NUMBER, allowed
from app.api.problems import ProblemError

MAX_INSTANCES = 1000
MAX_PICTURES = 64

_Name = Annotated[str, Field(min_length=1)]
_Version = Annotated[int, Field(ge=1, le=2**31 - 1), WHOLE_NUMBER]
_Score = Annotated[float, Field(ge=0, le=1), NUMBER]
_Count = Annotated[int, Field(ge=1, le=MAX_INSTANCES), WHOLE_NUMBER]
_ImageId = Annotated[int, Field(ge=0, le=LARGEST_EXACT - MAX_PICTURES + 1), WHOLE_NUMBER]


class PredictParameters(BaseModel):
    """What a request asks for, beside the pictures; None leaves it to the model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: _Name | None = Field(
        default=None,
        description="The model that answers, by its name in `/v1/models`. Without it: the default "
        "model.",
    )
    version: _Version | None = Field(
        default=None, description="The version of the model. Without it: the highest."
    )
    min_score: _Score | None = Field(
        default=None,
        description="The least score of an instance. Without it: the model's own.",
        examples=[0.9],
    )
    max_instances: _Count | None = Field(
        default=None,
        description="The most instances of one picture, best score first. Without it: the "
        "model's own, which is also the most that it gives.",
    )
    masks: MaskFormat = Field(
        default="rle",
        description="What a mask is in JSON: COCO's run-length code, polygons, base64 of a PNG, or "
        "left out.",
    )
    format: AnswerFormat | None = Field(
        default=None,
        description="What the answer is: JSON, the picture with the instances drawn on it, or "
        "COCO results. Without it: what `Accept` likes best.",
    )
    render: Literal["png"] | None = Field(
        default=None, description="Another way to say `format=png`."
    )
    image_id: _ImageId = Field(
        default=1,
        description="The `image_id` of COCO results; of several pictures, the first one's: the "
        "others count up from it.",
    )


def parse(given: Iterable[tuple[str, object]]) -> PredictParameters:
    """Return the checked parameters from (name, value) pairs of any origin.

    Raises ProblemError (400) for one that does not fit.
    """
    values: dict[str, object] = {}
    for name, value in given:
        if name not in PredictParameters.model_fields:
            names = ", ".join(PredictParameters.model_fields)
            raise _invalid(name, value, f"there is no such parameter; there are {names}")
        if name in values:
            raise _invalid(name, value, "it is given more than once")
        values[name] = value
    for name, value in values.items():
        if value is None:
            raise _invalid(name, value, _expected(name))
    try:
        return PredictParameters.model_validate(values)
    except ValidationError as error:
        name = str(error.errors(include_url=False, include_context=False)[0]["loc"][0])
        raise _invalid(name, values[name], _expected(name)) from None


def _expected(name: str) -> str:
    if name == "model":
        return "the name of a model is expected (GET /v1/models lists them)"
    return allowed(PredictParameters, name)


def _invalid(name: str, value: object, expected: str) -> ProblemError:
    shown = value if isinstance(value, str | int | float | bool | None) else type(value).__name__
    text = repr(shown) if len(repr(shown)) <= 80 else repr(shown)[:80] + "…"
    return ProblemError(
        "invalid-parameter", f"parameter {name!r} is {text}: {expected}", field=name, value=shown
    )
