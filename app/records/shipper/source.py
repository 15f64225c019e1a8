"""The tables of the log whose rows are sent on, read in batches of bounded size."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.records.outbox import Outbox
from app.records.row import FLOATS, SCHEMA
from app.records.shipper.sink import Batch, Pace, Sent

# What a row is counted as beside its probabilities.
_BYTES_A_ROW = 300


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
        names = [column["name"] for column in columns]
        blobs = [column["name"] for column in columns if column["mode"] == "REPEATED"]
        facts = [column["name"] for column in columns if column["type"] == "BOOLEAN"]
        with outbox.read() as connection:
            (log,) = connection.execute("SELECT id FROM log").fetchone()
            (position,) = connection.execute(
                "SELECT coalesce(max(position), 0) FROM shipping WHERE sink = ? AND source = ?",
                (sink, self.name),
            ).fetchone()
            found = connection.execute(
                f"SELECT seq, {', '.join(names)} FROM main.{self.name} WHERE seq > ? "
                "ORDER BY seq LIMIT ?",
                (position, pace.rows),
            )
            rows, size = [], 0
            for seq, *values in found:
                row = dict(zip(names, values, strict=True))
                size += _BYTES_A_ROW
                for name in blobs:
                    size += len(row[name])
                    row[name] = np.frombuffer(row[name], FLOATS).tolist()
                for name in facts:
                    row[name] = None if row[name] is None else bool(row[name])
                rows.append(Sent(seq, row))
                if size >= pace.bytes:
                    break
        return Batch(log, position, rows, len(rows) == pace.rows or size >= pace.bytes)


#: What is predicted, and what turned out to be true.
PREDICTIONS = Source("predictions", SCHEMA)
FEEDBACK = Source("feedback", SCHEMA.with_name("feedback.schema.json"), "_feedback")
SOURCES = (PREDICTIONS, FEEDBACK)
