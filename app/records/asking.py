"""What is asked of the prediction log: rows that a filter lets through, a page at a time.

Pages are cut by `seq`, the order of commits, so that what is written meanwhile moves none. Each is
read by itself: who reads for long would keep the log of writes from ever beginning anew.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.records.database import moment
from app.records.row import FLOATS

#: Opens the log for reading; raises RecordsError.
Read = Callable[[], AbstractContextManager[sqlite3.Connection]]

#: What is told of a row, in this order, wherever rows are told.
FIELDS = (
    "prediction_id",
    "instance_index",
    "model_name",
    "model_version",
    "request_id",
    "created_at",
    "input_shape",
    "predicted_class",
    "label",
    "score",
    "class_probabilities",
    "processing_time_ms",
    "brightness",
    "agrees",
)
#: The most rows of a page.
MOST_ROWS = 1000

# A row is committed that soon after it was made: a request may have several predictions.
_LATEST_COMMIT_US = 600_000_000
# What a row's answer told, else the probability of its class.
_SCORE = (
    "coalesce(json_extract(p.detail, '$.score'), json_extract(p.detail, '$.share'), "
    "chance(p.class_probabilities, p.predicted_class))"
)
_LABEL = "json_extract(p.detail, '$.label')"
# Of several truths the last one counts.
_AGREES = (
    "(SELECT f.agrees FROM main.feedback f WHERE f.prediction_id = p.prediction_id "
    "ORDER BY f.seq DESC LIMIT 1)"
)
_COMPUTED = {"label": _LABEL, "score": _SCORE, "agrees": _AGREES}
_SELECTED = ", ".join(f"{_COMPUTED.get(name, f'p.{name}')} AS {name}" for name in FIELDS)


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which rows are meant: those for which all that is not None holds.

    Times are microseconds since 1970; `since` belongs to them, `until` does not.
    """

    model: str | None = None
    version: str | None = None
    predicted_class: int | None = None
    label: str | None = None
    since: int | None = None
    until: int | None = None
    min_score: float | None = None
    max_score: float | None = None
    request_id: str | None = None
    prediction_id: str | None = None


#: Every row.
ALL = Filter()


@dataclass(frozen=True, eq=False, slots=True)
class Told:
    """A row as it is told, by the names of `FIELDS`, and its place in the order of commits."""

    seq: int
    fields: Mapping[str, Any]


def before(
    connection: sqlite3.Connection, wanted: Filter, seq: int | None, rows: int
) -> list[Told]:
    """Return the newest rows that were committed before one; `seq` None is from the end on."""
    return _selected(connection, wanted, ("p.seq < ?", seq), ("DESC", rows))


def after(connection: sqlite3.Connection, wanted: Filter, seq: int, rows: int) -> list[Told]:
    """Return the oldest rows that were committed after one."""
    return _selected(connection, wanted, ("p.seq > ?", seq), ("ASC", rows))


def newest(connection: sqlite3.Connection) -> int:
    """Return the place of the last row that was committed; 0 where none was."""
    found = connection.execute("SELECT max(seq) FROM main.predictions").fetchone()[0]
    return int(found or 0)


def rows_of(connection: sqlite3.Connection, prediction_id: str) -> list[dict[str, Any]]:
    """Return all rows of a prediction with their `detail`, as JSON text."""
    _prepare(connection)
    found = connection.execute(
        f"SELECT {_SELECTED}, p.detail AS detail FROM main.predictions p "
        "WHERE p.prediction_id = ? ORDER BY p.instance_index",
        (prediction_id,),
    )
    return [{**_told(values[: len(FIELDS)]), "detail": values[len(FIELDS)]} for values in found]


def pages(
    read: Read, wanted: Filter, *, newest_first: bool, rows: int | None
) -> Iterator[list[Told]]:
    """Yield rows in pages, at most `rows` of them in all; raises RecordsError.

    Those that are written meanwhile are not among them.
    """
    with read() as connection:
        end = newest(connection)
    seq, left = (end + 1 if newest_first else 0), rows
    while left is None or left > 0:
        count = MOST_ROWS if left is None else min(left, MOST_ROWS)
        with read() as connection:
            if newest_first:
                page = before(connection, wanted, seq, count)
            else:
                page = [one for one in after(connection, wanted, seq, count) if one.seq <= end]
        if page:
            yield page
        if len(page) < count:
            return
        seq, left = page[-1].seq, None if left is None else left - len(page)


def samples(
    connection: sqlite3.Connection, wanted: Filter, rows: int
) -> list[tuple[int, float | None, int | None, str, str, str]]:
    """Return the newest rows in short.

    Of each when it was made, its score, whether it agrees with the truth, the prediction, and the
    model and version that made it.
    """
    where, parameters = _where(connection, wanted)
    return connection.execute(
        f"SELECT p.created_at, {_SCORE}, {_AGREES}, p.prediction_id, p.model_name, "
        f"p.model_version FROM main.predictions p {where} ORDER BY p.seq DESC LIMIT ?",
        (*parameters, rows),
    ).fetchall()


def _prepare(connection: sqlite3.Connection) -> None:
    """Teach a connection what the questions here are put in."""
    connection.create_function("chance", 2, _chance, deterministic=True)


def _selected(
    connection: sqlite3.Connection,
    wanted: Filter,
    place: tuple[str, int | None],
    order: tuple[str, int],
) -> list[Told]:
    where, parameters = _where(connection, wanted, place)
    found = connection.execute(
        f"SELECT p.seq, {_SELECTED} FROM main.predictions p {where} "
        f"ORDER BY p.seq {order[0]} LIMIT ?",
        (*parameters, order[1]),
    )
    return [Told(seq, _told(values)) for seq, *values in found]


def _where(
    connection: sqlite3.Connection, wanted: Filter, *further: tuple[str, int | None]
) -> tuple[str, list[Any]]:
    """Return a filter as SQL, and what stands for its question marks."""
    _prepare(connection)
    conditions: list[tuple[str, Any]] = [
        ("p.prediction_id = ?", wanted.prediction_id),
        ("p.request_id = ?", wanted.request_id),
        ("p.model_name = ?", wanted.model),
        ("p.model_version = ?", wanted.version),
        ("p.predicted_class = ?", wanted.predicted_class),
        (f"{_LABEL} = ?", wanted.label),
        ("p.created_at >= ?", wanted.since),
        ("p.created_at < ?", wanted.until),
        (f"{_SCORE} >= ?", wanted.min_score),
        (f"{_SCORE} <= ?", wanted.max_score),
        *further,
    ]
    if wanted.since is not None:
        earliest = wanted.since - _LATEST_COMMIT_US
        conditions.append(("p.seq >= ?", _place_of(connection, earliest)))
    if wanted.until is not None:
        latest = wanted.until + _LATEST_COMMIT_US
        conditions.append(("p.seq < ?", _place_of(connection, latest)))
    told = [(text, value) for text, value in conditions if value is not None]
    where = f"WHERE {' AND '.join(text for text, _ in told)}" if told else ""
    return where, [value for _, value in told]


def _place_of(connection: sqlite3.Connection, at: int) -> int:
    """Return about where the rows from a moment on begin.

    Times grow as places do, but among the requests that were in work together: hence the distance
    that is kept from the moment that is meant.
    """
    low, high = 0, newest(connection) + 1
    while low < high:
        middle = (low + high) // 2
        found = connection.execute(
            "SELECT created_at FROM main.predictions WHERE seq >= ? ORDER BY seq LIMIT 1",
            (middle,),
        ).fetchone()
        if found is None or found[0] >= at:
            high = middle
        else:
            low = middle + 1
    return low


def _told(values: Any) -> dict[str, Any]:
    fields = dict(zip(FIELDS, values, strict=True))
    fields["created_at"] = moment(fields["created_at"])
    numbers = np.frombuffer(fields["class_probabilities"], FLOATS)
    # JSON has no other numbers.
    fields["class_probabilities"] = [
        number if math.isfinite(number) else None for number in numbers.tolist()
    ]
    fields["agrees"] = None if fields["agrees"] is None else bool(fields["agrees"])
    return fields


def _chance(blob: bytes, predicted_class: int) -> float | None:
    """Return a class's probability; None where it is not known."""
    start = predicted_class * FLOATS.itemsize
    if not 0 <= start < len(blob):
        return None
    value = np.frombuffer(blob, FLOATS, 1, start)[0]
    return float(value)
