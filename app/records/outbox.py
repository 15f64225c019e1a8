"""Puts predictions on record before their answers leave, and never in the way of a prediction.

Whoever comes to write while another thread does waits, and the next one writes for all that wait:
groups form by themselves, and a thread alone hands nothing to another. What cannot be kept is
counted, told once in the log, and noted in the file once that can be written again.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app import log
from app.records import database
from app.records.database import Database
from app.records.errors import LogFullError, RecordsError
from app.records.keeper import Keeper
from app.records.locking import BusyError, FileLock
from app.records.row import COLUMNS, Row, Stored, row_of
from app.records.settings import RecordSettings
from app.records.state import State, state_of

_SMALL_WRITE_S = 5.0
# After a failure: the disk may be away, and each look at it take its time.
_RETRY_S = 0.5
_TRIES = 2


@dataclass(eq=False)
class _Group:
    """What one thread wants written, and whether it is."""

    rows: Sequence[Row]
    is_kept: bool | None = None


@dataclass
class _Gap:
    """Rows that are lost, as long as nothing can be written."""

    began_at: int = 0
    rows: int = 0
    reason: str = ""


@dataclass
class _Held:
    """What this process holds of the file."""

    process: int
    lock: FileLock
    file: Database
    keeper: Keeper = field(init=False)


class Outbox:
    """The prediction log of a pod. Safe to share between threads, and between processes.

    Args:
        path: of the file, whose folder is made.
        settings: how much it may hold, and where it is sent to.
        lost: told how many rows could not be kept, and why in one word.
    """

    def __init__(
        self,
        path: Path,
        settings: RecordSettings,
        lost: Callable[[int, str], None] = lambda rows, reason: None,
    ) -> None:
        self.path, self._settings, self._lost = path, settings, lost
        self._turn, self._line = threading.Lock(), threading.Lock()
        self._waiting: list[_Group] = []
        self._gap, self._retry_at = _Gap(), 0.0
        self._held: _Held | None = None

    def commit(self, rows: Sequence[Row], timeout_s: float) -> bool:
        """Put rows on record, all or none; they are on the disk's way when this returns True.

        False: they could not be, within `timeout_s`, and are counted as lost. Raises LogFullError
        where the settings would rather have no answer than one that is not on record.
        """
        group = _Group(rows)
        with self._line:
            self._waiting.append(group)
        give_up_at = time.monotonic() + timeout_s
        if not self._turn.acquire(timeout=max(0.0, timeout_s)):
            with self._line:
                if group in self._waiting:
                    self._waiting.remove(group)
                    self._lose(len(rows), "slow")
            return False
        try:
            if group.is_kept is None:
                self._write_waiting(give_up_at)
        finally:
            self._turn.release()
        if not group.is_kept and self._settings.when_full == "refuse" and self._is_full():
            raise LogFullError(f"the prediction log is full: {self.path}")
        return bool(group.is_kept)

    def write(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        """Do one small write and return how many rows it changed; raises RecordsError."""
        with self.transaction() as connection:
            return connection.execute(statement, parameters).rowcount

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit what is done within, or nothing of it; raises RecordsError."""
        with self._turn:
            try:
                held = self._open()
                with held.lock.held(_SMALL_WRITE_S), self._current(held).transaction() as opened:
                    yield opened
            except (sqlite3.Error, OSError, BusyError) as error:
                raise RecordsError(f"{self.path}: {error or 'busy'}") from error

    def read(self) -> AbstractContextManager[sqlite3.Connection]:
        """Give a connection that reads, to be closed; raises RecordsError."""
        return database.reading(self.path)

    def after(self, position: int, rows: int) -> list[Stored]:
        """Return the rows that were committed after a position, the oldest first."""
        query = (
            f"SELECT seq, {', '.join(COLUMNS)} FROM main.predictions WHERE seq > ? "
            "ORDER BY seq LIMIT ?"
        )
        with self.read() as connection:
            found = connection.execute(query, (position, rows)).fetchall()
        return [Stored(seq, row_of(values)) for seq, *values in found]

    def position(self, sink: str, source: str = "predictions") -> int:
        """Return up to where a sink has confirmed rows; raises RecordsError."""
        query = "SELECT position FROM shipping WHERE sink = ? AND source = ?"
        with self.read() as connection:
            found = connection.execute(query, (sink, source)).fetchone()
        return found[0] if found else 0

    def confirm(self, sink: str, position: int, source: str = "predictions") -> None:
        """Note that a sink has all rows up to a position; raises RecordsError."""
        self.write(
            "INSERT INTO shipping VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE "
            "SET position = max(position, excluded.position), at = excluded.at",
            (sink, source, position, time.time_ns() // 1000),
        )

    def state(self) -> State:
        """Return what the log holds and what waits in it; raises RecordsError."""
        with self.read() as connection:
            return state_of(connection, self._settings.sinks)

    def close(self) -> None:
        """Let go of the file, for good: nothing is written beside it any more."""
        with self._turn:
            held = self._held
            self._let_go()
        if held is not None and held.process == os.getpid():
            held.keeper.wait()

    def _write_waiting(self, give_up_at: float) -> None:
        """Write what all threads wait for that have come so far."""
        with self._line:
            groups, self._waiting = self._waiting, []
        rows = [row for group in groups for row in group.rows]
        reason = self._try_to_keep(rows, give_up_at)
        for group in groups:
            group.is_kept = reason is None
        if reason is not None:
            self._lose(len(rows), reason)

    def _try_to_keep(self, rows: Sequence[Row], give_up_at: float) -> str | None:
        """Write rows; return in one word why that could not be done."""
        if self._held is None and time.monotonic() < self._retry_at:
            return self._gap.reason
        for attempt in range(_TRIES):
            try:
                held = self._open()
                if held.keeper.is_full:
                    return "full"
                with held.lock.held(max(0.0, give_up_at - time.monotonic())):
                    self._keep(self._current(held), rows)
                return None
            except BusyError:
                return "slow"
            except (sqlite3.Error, OSError, RecordsError) as error:
                is_damaged = isinstance(error, sqlite3.Error) and database.is_damage(error)
                if is_damaged and attempt + 1 < _TRIES and self._is_set_aside(error):
                    continue
                self._tell(error)
                self._let_go()
                self._retry_at = time.monotonic() + _RETRY_S
                return _reason(error)
        return "damaged"

    def _keep(self, file: Database, rows: Sequence[Row]) -> None:
        if not self._gap.rows:
            file.insert(rows)
            return
        gap = self._gap
        now = time.time_ns() // 1000
        with file.transaction() as connection:
            file.insert_within(rows)
            connection.execute(
                "INSERT INTO gaps (began_at, ended_at, rows, reason) VALUES (?, ?, ?, ?)",
                (gap.began_at, now, gap.rows, gap.reason),
            )
        log.event("prediction_log_recovered", rows_lost=gap.rows, reason=gap.reason)
        self._gap = _Gap()

    def _lose(self, rows: int, reason: str) -> None:
        if not self._gap.rows:
            self._gap = _Gap(time.time_ns() // 1000, 0, reason)
            log.event("predictions_not_recorded", "ERROR", file=str(self.path), reason=reason)
        self._gap.rows += rows
        self._lost(rows, reason)

    def _tell(self, error: Exception) -> None:
        if not self._gap.rows:
            log.event("prediction_log_failed", "ERROR", file=str(self.path), error=str(error))

    def _is_set_aside(self, error: Exception) -> bool:
        """Set a damaged file aside, unless another process has; False: that cannot be done."""
        try:
            held = self._open()
            with held.lock.held(_SMALL_WRITE_S):
                if held.file.is_current(look=True):
                    database.set_aside(self.path, held.lock, error)
        except (sqlite3.Error, OSError, BusyError, RecordsError):
            return False
        self._let_go()
        return True

    def _is_full(self) -> bool:
        return self._held is not None and self._held.keeper.is_full

    def _open(self) -> _Held:
        """Return this process's hold on the file; a fork has none of its parent's."""
        if self._held is not None and self._held.process == os.getpid():
            return self._held
        file, lock = database.opened(self.path)
        self._held = held = _Held(os.getpid(), lock, file)
        held.keeper = Keeper(self.path, self._settings)
        held.keeper.start()
        # This object may be thrown away without being closed; the thread knows nothing of it.
        self._drop = weakref.finalize(self, _drop, held)
        return held

    def _current(self, held: _Held) -> Database:
        """Return the file at the path, opened anew where another process has begun a new one."""
        if not held.file.is_current():
            held.file.close()
            held.file = Database(self.path, held.lock)
        return held.file

    def _let_go(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._drop()


def _drop(held: _Held) -> None:
    """Close what a process holds; a fork has nothing to close."""
    if held.process == os.getpid():
        held.keeper.stop()
        held.file.close()
        held.lock.close()


def _reason(error: Exception) -> str:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or getattr(error, "errno", None) == 28:
        return "disk_full"
    if isinstance(error, sqlite3.Error) and database.is_damage(error):
        return "damaged"
    return "failed"
