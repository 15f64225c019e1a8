"""The parameters of `GET /predictions`: which rows, how many, in which form, and from where on."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.api.parameters import invalid
from app.api.predictions.access import ULID
from app.kinds.fields import NUMBER, WHOLE_NUMBER, allowed, schema_of
from app.records.asking import MOST_ROWS, Filter

#: How many rows a page of JSON has unless told.
USUAL_ROWS = 100
LONGEST_WAIT_S = 20.0
_LONGEST_NAME = 200

# A plus that is not percent-encoded is a blank in a query.
_MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+ -])(\d\d):(\d\d))"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_Name = Annotated[str, Field(min_length=1, max_length=_LONGEST_NAME)]
_Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
_Place = Annotated[str, Field(pattern="^[A-Za-z0-9_-]{11}$")]
_Score = Annotated[float, Field(ge=0, le=1), NUMBER]


class FilterParameters(BaseModel):
    """Which rows are meant: those for which all that is given holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Annotated[_Name | None, Field(description="The model's name.")] = None
    version: Annotated[_Name | None, Field(description="Its version.")] = None
    predicted_class: Annotated[
        Annotated[int, Field(ge=-1, le=10**9), WHOLE_NUMBER] | None,
        Field(alias="class", description="The class; -1 is of answers that have none."),
    ] = None
    label: Annotated[_Name | None, Field(description="What the class is called.")] = None
    since: Annotated[_Moment | None, Field(description="Made then or later (RFC 3339).")] = None
    until: Annotated[_Moment | None, Field(description="Made before then (RFC 3339).")] = None
    min_score: Annotated[_Score | None, Field(description="The least score.")] = None
    max_score: Annotated[_Score | None, Field(description="The highest score.")] = None
    request_id: Annotated[_Name | None, Field(description="`X-Request-ID` of the answer.")] = None
    prediction_id: Annotated[
        Annotated[str, Field(pattern=ULID)] | None, Field(description="The prediction.")
    ] = None

    def filter(self) -> Filter:
        """Return the rows that are meant."""
        return Filter(
            model=self.model,
            version=self.version,
            predicted_class=self.predicted_class,
            label=self.label,
            since=_microseconds(self.since),
            until=_microseconds(self.until),
            min_score=self.min_score,
            max_score=self.max_score,
            request_id=self.request_id,
            prediction_id=self.prediction_id,
        )


class ListParameters(FilterParameters):
    """And how much of them, in which form."""

    limit: Annotated[
        Annotated[int, Field(ge=1, le=MOST_ROWS), WHOLE_NUMBER] | None,
        Field(
            description="How many rows at most. Without it: "
            f"{USUAL_ROWS} as JSON, in the other forms all there are."
        ),
    ] = None
    cursor: Annotated[
        _Place | None, Field(description="Older rows than those of the page before: its `next`.")
    ] = None
    after: Annotated[
        _Place | None,
        Field(
            description="Newer rows than those of another answer, the oldest first: its `newest`."
        ),
    ] = None
    wait_s: Annotated[
        Annotated[float, Field(ge=0, le=LONGEST_WAIT_S), NUMBER] | None,
        Field(description="Where there are none yet: how long to wait for one, in seconds."),
    ] = None
    format: Annotated[
        Literal["json", "ndjson", "csv", "parquet"] | None,
        Field(description="The form; without it what `Accept` asks for."),
    ] = None


Asked = TypeVar("Asked", bound=BaseModel)

_EXPECTED = {
    "since": "a moment is expected (RFC 3339), as 2026-03-01T12:00:00Z",
    "cursor": "`next` of another answer is expected",
    "after": "`newest` of another answer is expected",
    "prediction_id": "a ULID is expected, as an answer's `prediction_id`",
}
_EXPECTED["until"] = _EXPECTED["since"]


def parse(model: type[Asked], given: Iterable[tuple[str, object]]) -> Asked:
    """Return checked parameters of a query; raises ProblemError (400) for what does not fit."""
    names = schema_of(model)["properties"]
    values: dict[str, object] = {}
    for name, value in given:
        if name not in names:
            raise invalid(name, value, f"there is no such parameter; there are {', '.join(names)}")
        if name in values:
            raise invalid(name, value, "it is given more than once")
        if name in ("since", "until") and _microseconds(str(value)) is None:
            raise invalid(name, value, _EXPECTED[name])
        values[name] = value
    try:
        return model.model_validate(values)
    except ValidationError as error:
        name = str(error.errors(include_url=False, include_context=False)[0]["loc"][0])
        raise invalid(name, values[name], _expected(model, name)) from None


def place_of(text: str) -> int:
    """Return the place in the log that a cursor stands for."""
    return min(int.from_bytes(base64.urlsafe_b64decode(f"{text}="), "big"), 2**63 - 1)


def cursor_of(seq: int) -> str:
    """Return what stands for a place in the log."""
    return base64.urlsafe_b64encode(seq.to_bytes(8, "big")).decode().rstrip("=")


def _expected(model: type[BaseModel], name: str) -> str:
    if name in _EXPECTED:
        return _EXPECTED[name]
    if schema_of(model)["properties"][name].get("maxLength"):
        return f"a text of 1 to {_LONGEST_NAME} characters is expected"
    return allowed(model, name)


def _microseconds(text: str | None) -> int | None:
    """Return a moment of RFC 3339 in microseconds since 1970; None for what is none."""
    match = _MOMENT.fullmatch(text or "")
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction, sign, ahead_h, ahead_min = match.groups()[6:]
    ahead = timedelta(hours=int(ahead_h or 0), minutes=int(ahead_min or 0))
    try:
        # A leap second, and the year 0, which RFC 3339 has, are the ones beside them.
        moment = datetime(max(year, 1), month, day, hour, minute, min(second, 59))
    except ValueError:
        return None
    if second > 60 or int(ahead_h or 0) > 23 or int(ahead_min or 0) > 59:
        return None
    passed = (moment.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
    passed += int((fraction or "")[:6].ljust(6, "0"))
    return passed + (1 if sign == "-" else -1) * (ahead // _MICROSECOND)
