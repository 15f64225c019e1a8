"""The prediction log as it is asked for: which rows are meant, and what a row says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypedDict

from slipway_client.errors import AnswerError


class Filters(TypedDict, total=False):
    """Which rows are meant, as the server's documentation of GET /predictions says it.

    A moment without a time zone is of this machine's.
    """

    model: str | None
    version: int | str | None
    class_id: int | None
    label: str | None
    since: datetime | None
    until: datetime | None
    min_score: float | None
    max_score: float | None
    request_id: str | None
    prediction_id: str | None


@dataclass(frozen=True, kw_only=True)
class LoggedRow:
    """A row of the log: a prediction, or one of the instances that it found.

    `predicted_class` is -1 where the answer is a number and no class; `agrees` is whether the last
    truth that was told agrees, None where none was.
    """

    prediction_id: str
    instance_index: int
    model: str
    version: str
    request_id: str
    created_at: datetime
    predicted_class: int
    label: str | None
    score: float | None
    class_probabilities: tuple[float | None, ...] = field(repr=False)
    agrees: bool | None
    document: Mapping[str, Any] = field(repr=False, compare=False)


def query_of(filters: Filters) -> dict[str, str]:
    """Return the parameters of a query."""
    given = {name: value for name, value in filters.items() if value is not None}
    if "class_id" in given:
        given["class"] = given.pop("class_id")
    return {
        name: value.astimezone().isoformat() if isinstance(value, datetime) else str(value)
        for name, value in given.items()
    }


def read_page(document: Any) -> tuple[tuple[LoggedRow, ...], str | None]:
    """Return a page's rows, and what asks for the next; raises AnswerError where it is no page."""
    try:
        return tuple(_row(one) for one in document["predictions"]), document["next"]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise AnswerError(f"the answer is no page of the prediction log: {error}") from error


def _row(document: Any) -> LoggedRow:
    return LoggedRow(
        prediction_id=str(document["prediction_id"]),
        instance_index=int(document["instance_index"]),
        model=str(document["model_name"]),
        version=str(document["model_version"]),
        request_id=str(document["request_id"]),
        created_at=datetime.fromisoformat(document["created_at"]),
        predicted_class=int(document["predicted_class"]),
        label=document["label"],
        score=document["score"],
        class_probabilities=tuple(document["class_probabilities"]),
        agrees=document["agrees"],
        document=document,
    )
