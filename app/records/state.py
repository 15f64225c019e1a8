"""What the prediction log holds at a moment, for metrics, the page and whoever ends the server."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Waiting:
    """What one sink has not confirmed yet, and how much it has."""

    rows: int
    oldest_s: float
    shipped: int


@dataclass(frozen=True)
class State:
    """The whole log.

    Args:
        rows: that it holds.
        bytes: of the file that are in use.
        written: rows that were ever committed.
        sinks: what each has and has not.
    """

    rows: int
    bytes: int
    written: int
    sinks: Mapping[str, Waiting]


def state_of(connection: sqlite3.Connection, sinks: Sequence[str]) -> State:
    """Return what a connection finds; raises sqlite3.Error."""
    first, last = connection.execute("SELECT min(seq), max(seq) FROM main.predictions").fetchone()
    (written,) = connection.execute(
        "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'predictions'"
    ).fetchone()
    rows = 0 if first is None else last - first + 1
    waiting = {sink: _waiting(connection, sink, rows and last) for sink in sinks}
    return State(rows, bytes_of(connection), written, waiting)


def bytes_of(connection: sqlite3.Connection) -> int:
    """Return how many bytes of the file are in use."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def _waiting(connection: sqlite3.Connection, sink: str, last: int) -> Waiting:
    found = connection.execute(
        "SELECT position FROM shipping WHERE sink = ? AND source = 'predictions'", (sink,)
    ).fetchone()
    position = found[0] if found else 0
    oldest = connection.execute(
        "SELECT created_at FROM main.predictions WHERE seq > ? ORDER BY seq LIMIT 1", (position,)
    ).fetchone()
    age_s = max(0.0, time.time() - oldest[0] / 1e6) if oldest else 0.0
    return Waiting(max(0, last - position), age_s, position)
