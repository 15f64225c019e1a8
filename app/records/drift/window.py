"""The distributions that drift is looked for in: a window of predictions as columns of numbers.

What is of the input is there once a prediction, what is of an answer once a row. Of many
predictions some are taken, by their ids alone: the same ones each time, and no id is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.records import database
from app.records.row import FLOATS
from app.records.sampling import is_taken

CLASS, INSTANCES = "predicted_class", "instances"

# Of a vector of numbers that a model of values gives, so many are looked at.
_MOST_VALUES = 8
_PICTURE = re.compile(r"(\d+)x(\d+)x[134]")


class Seen(NamedTuple):
    """What is looked at of a row."""

    prediction_id: str
    instance_index: int
    input_shape: str
    predicted_class: int
    class_probabilities: NDArray[np.float64]
    brightness: float | None


@dataclass(frozen=True)
class Span:
    """A version's predictions between two times, microseconds since 1970; `until` is not in it."""

    model: str
    version: str
    since: int
    until: int


@dataclass(frozen=True, eq=False)
class Window:
    """A version's predictions in columns.

    Args:
        span: whose, and of when.
        predictions: how many are in the columns.
        of: how many there were, of which these were taken.
        columns: numbers by the name of their column; classes are texts.
    """

    span: Span
    predictions: int
    of: int
    columns: Mapping[str, Sequence[float | str]]


def from_log(log: Path, span: Span, most: int) -> Window:
    """Return about `most` predictions of a span; raises RecordsError."""
    where = "model_name = ? AND model_version = ? AND created_at >= ? AND created_at < ?"
    asked = (span.model, span.version, span.since, span.until)
    with database.reading(log) as connection:
        (there,) = connection.execute(
            f"SELECT count(*) FROM main.predictions WHERE {where} AND instance_index = 0", asked
        ).fetchone()
        share = share_of(most, there)
        connection.create_function("taken", 1, lambda key: is_taken(key, share), deterministic=True)
        rows = connection.execute(
            f"SELECT {', '.join(Seen._fields)} FROM main.predictions "
            f"WHERE {where} AND taken(prediction_id)",
            asked,
        )
        return window_of((_seen(*row) for row in rows), span, there)


def share_of(most: int, there: int) -> float:
    """Return which part of the predictions is taken."""
    return min(1.0, most / there) if there else 1.0


def window_of(rows: Iterable[Seen], span: Span, there: int) -> Window:
    """Return the columns of rows, of which one that comes twice counts once."""
    predictions: dict[str, dict[int, Seen]] = {}
    for row in rows:
        predictions.setdefault(row.prediction_id, {})[row.instance_index] = row
    columns: dict[str, list[float | str]] = {}
    for instances in predictions.values():
        for name, value in _told([*instances.values()]):
            columns.setdefault(name, []).append(value)
    return Window(span, len(predictions), there, columns)


def _seen(*values: object) -> Seen:
    row = Seen._make(values)
    return row._replace(class_probabilities=np.frombuffer(row.class_probabilities, FLOATS))


def _told(rows: Sequence[Seen]) -> Iterator[tuple[str, float | str]]:
    """Yield what a prediction's rows are to each column."""
    for row in rows:
        yield from _answer(row)
    # Where nothing was found one row says so: a class without probabilities.
    yield INSTANCES, float(sum(row.class_probabilities.size > 0 for row in rows))
    first = rows[0]
    if first.brightness is not None:
        yield "brightness", first.brightness
    if match := _PICTURE.fullmatch(first.input_shape):
        height, width = int(match[1]), int(match[2])
        yield "megapixels", height * width / 1e6
        yield "aspect", width / max(1, height)


def _answer(row: Seen) -> Iterator[tuple[str, float | str]]:
    numbers = row.class_probabilities
    if row.predicted_class < 0:
        names = (f"value_{index}" for index in range(_MOST_VALUES))
        yield from zip(names, map(float, numbers), strict=False)
    elif row.predicted_class < numbers.size:
        yield CLASS, str(row.predicted_class)
        yield "score", float(numbers[row.predicted_class])
