"""The tables of the log whose rows are sent on, read in batches of bounded size."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.records.outbox import Outbox
from app.records.row import FLOATS, SCHEMA
from app.records.shipper.sink import Batch, Pace, Sent

# What a row is counted as beside its texts and numbers in a row.
_BYTES_A_ROW = 128


@dataclass(frozen=True)
class Source:
    """A table of the file, and its columns as BigQuery writes them down.

    Args:
        name: of the table, and of its position among those of a sink.
        schema: the file with the columns.
        suffix: what its table is called there, after the name of that of predictions.
    """

    name: str
    schema: Path
    suffix: str = ""

    def columns(self) -> list[Mapping[str, str]]:
        """Return the columns that are sent."""
        columns: list[Mapping[str, str]] = json.loads(self.schema.read_text())
        return columns

    def batch(self, outbox: Outbox, sink: str, pace: Pace) -> Batch:
        """Return what a sink has not confirmed yet, as much as it takes; raises RecordsError."""
        columns = self.columns()
        names = ", ".join(column["name"] for column in columns)
        with outbox.read() as connection:
            (log,) = connection.execute("SELECT id FROM log").fetchone()
            (position,) = connection.execute(
                "SELECT coalesce(max(position), 0) FROM shipping WHERE sink = ? AND source = ?",
                (sink, self.name),
            ).fetchone()
            found = connection.execute(
                f"SELECT seq, {names} FROM main.{self.name} WHERE seq > ? ORDER BY seq LIMIT ?",
                (position, pace.rows),
            )
            rows, size = [], 0
            for seq, *values in found:
                rows.append(Sent(seq, dict(_readable(columns, values))))
                size += _BYTES_A_ROW + _bytes_of(values)
                if size >= pace.bytes:
                    break
        return Batch(log, position, rows, len(rows) == pace.rows or size >= pace.bytes)


#: What is predicted, and what turned out to be true.
PREDICTIONS = Source("predictions", SCHEMA)
FEEDBACK = Source("feedback", SCHEMA.with_name("feedback.schema.json"), "_feedback")
SOURCES = (PREDICTIONS, FEEDBACK)


def _readable(
    columns: Sequence[Mapping[str, str]], values: Sequence[Any]
) -> Iterator[tuple[str, Any]]:
    for column, value in zip(columns, values, strict=True):
        if column["mode"] == "REPEATED":
            value = np.frombuffer(value, FLOATS).tolist()
        elif column["type"] == "BOOLEAN" and value is not None:
            value = bool(value)
        yield column["name"], value


def _bytes_of(values: Iterable[Any]) -> int:
    return sum(len(value) for value in values if isinstance(value, str | bytes))
