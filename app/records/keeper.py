"""Keeps the file of the prediction log within its bounds, beside those who write into it.

What a commit must not wait for is done here, by a thread of each process that writes: bringing the
log of writes into the file, and dropping the oldest rows once every sink has them.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from pathlib import Path

from app import log
from app.records.database import Database
from app.records.errors import RecordsError
from app.records.locking import BusyError, FileLock
from app.records.settings import RecordSettings
from app.records.state import bytes_of

_EACH_S = 0.5
_LOCK_S = 5.0
# From so much on the log of writes is brought into the file, and from so much on nobody may write
# while that is done: as long as somebody always does it never begins anew.
_WAL_BYTES, _LONGEST_WAL_BYTES = 4 << 20, 128 << 20
_ROWS_AT_ONCE = 500
# Dropped at once, of what may be there: so that not every look has to.
_SLACK = 0.02
_LONGEST_LOOK_S = 10.0


class Keeper:
    """The thread; `is_full` says whether there is room."""

    def __init__(self, path: Path, settings: RecordSettings) -> None:
        self.is_full = False
        self._path, self._settings = path, settings
        self._stop, self._written = threading.Event(), 0
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)

    def start(self) -> None:
        """Begin, with a first look before this returns."""
        self._look_safely()
        self._thread.start()

    def stop(self) -> None:
        """Have the thread end, soon."""
        self._stop.set()

    def wait(self) -> None:
        """Wait until it has ended, and lets go of the file: a look takes moments, or seconds."""
        self._thread.join(_LONGEST_LOOK_S)

    def _run(self) -> None:
        while not self._stop.wait(_EACH_S):
            self._look_safely()

    def _look_safely(self) -> None:
        # Whoever writes finds out what is wrong with the file, and tells it.
        with contextlib.suppress(sqlite3.Error, OSError, RecordsError, BusyError):
            written = os.stat(f"{self._path}-wal").st_mtime_ns
            if written != self._written:
                self._look()
                self._written = written

    def _look(self) -> None:
        lock = FileLock(self._path.with_name(f"{self._path.name}.lock"))
        try:
            file = Database(self._path, lock)
            try:
                self._keep_bounds(file)
                # Of several processes one does it: each waits for the disk.
                mark = self._path.with_name(f"{self._path.name}.keeper")
                with FileLock(mark) as alone, alone.held(0):
                    self._shorten_wal(file)
            finally:
                file.close()
        finally:
            lock.close()

    def _shorten_wal(self, file: Database) -> None:
        try:
            size = os.stat(f"{self._path}-wal").st_size
        except FileNotFoundError:
            return
        if size < _WAL_BYTES:
            return
        file.checkpoint()
        if size > _LONGEST_WAL_BYTES:
            # What came meanwhile, so that least is left for when nobody may write.
            file.checkpoint()
            with file.lock.held(_LOCK_S):
                file.checkpoint()

    def _keep_bounds(self, file: Database) -> None:
        """Drop the oldest rows that may be, as long as there is too much."""
        dropped = 0
        while not self._stop.is_set():
            with file.lock.held(_LOCK_S), file.transaction() as connection:
                excess = self._excess(connection)
                if excess <= 0:
                    self.is_full = False
                    break
                count = _drop(connection, self._settings.sinks, min(excess, _ROWS_AT_ONCE))
            dropped += count
            if not count:
                self._tell_of_no_room()
                break
        if dropped and not self._settings.sinks:
            log.event("prediction_log_rotated", rows=dropped)

    def _excess(self, connection: sqlite3.Connection) -> int:
        """Return how many of the oldest rows are too many; 0 or less where none is."""
        first, last = connection.execute(
            "SELECT min(seq), max(seq) FROM main.predictions"
        ).fetchone()
        if first is None:
            return 0
        rows, settings = last - first + 1, self._settings
        most_bytes = settings.most_mib << 20
        share = max(rows / settings.most_rows, bytes_of(connection) / most_bytes)
        return 0 if share < 1 else max(1, int(rows * (1 - (1 - _SLACK) / share)))

    def _tell_of_no_room(self) -> None:
        if not self.is_full:
            log.event("prediction_log_full", "ERROR", file=str(self._path))
        self.is_full = True


def _drop(connection: sqlite3.Connection, sinks: tuple[str, ...], rows: int) -> int:
    """Delete the oldest rows that every sink has; return how many."""
    confirmed = [
        connection.execute(
            "SELECT coalesce(max(position), 0) FROM shipping WHERE sink = ? AND source = ?",
            (sink, "predictions"),
        ).fetchone()[0]
        for sink in sinks
    ]
    # Without a sink the log is a window of what was last.
    return connection.execute(
        "DELETE FROM main.predictions WHERE seq IN "
        "(SELECT seq FROM main.predictions WHERE seq <= ? ORDER BY seq LIMIT ?)",
        (min(confirmed, default=2**62), rows),
    ).rowcount
