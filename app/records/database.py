"""The file of the prediction log: SQLite in WAL, opened by each process that writes or reads it.

What is committed survives the end of any process at any moment; only the machine's own end may
take the last moments with it (`synchronous=NORMAL`, sqlite.org/wal.html). A file that is damaged is
set aside, never deleted, and a new one is begun.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from urllib.parse import quote

import numpy as np

from app import log
from app.records.errors import RecordsError
from app.records.locking import FileLock
from app.records.row import COLUMNS, FLOATS, Row, values_of

_TABLES = Path(__file__).with_name("tables.sql")
_LAYOUT = 1
_BUSY_S = 2.0
_LOOK_S = 1.0
# Parameters of one statement: SQLite takes 32,766.
_ROWS_A_STATEMENT = 500
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_VIEWS = """
CREATE TEMP VIEW predictions AS SELECT seq, prediction_id, model_name, model_version, request_id,
  instance_index, input_shape, predicted_class, floats(class_probabilities) AS class_probabilities,
  moment(created_at) AS created_at, processing_time_ms, brightness, detail FROM main.predictions;
CREATE TEMP VIEW feedback AS SELECT seq, prediction_id, moment(created_at) AS created_at, truth,
  truth_class, agrees, request_id FROM main.feedback;
CREATE TEMP VIEW gaps AS SELECT seq, moment(began_at) AS began_at, moment(ended_at) AS ended_at,
  rows, reason FROM main.gaps;
"""


class Database:
    """One process's hold on the file, for one of its threads at a time; made where there is none.

    Raises sqlite3.Error or OSError.
    """

    def __init__(self, path: Path, lock: FileLock) -> None:
        self._path, self.lock = path, lock
        self._connection = _connected(path)
        self._inode, self._generation = os.stat(path).st_ino, lock.generation
        self._look_at = time.monotonic() + _LOOK_S

    def is_current(self, *, look: bool = False) -> bool:
        """Say whether the file is still the one at its path, and not set aside by another.

        That somebody took it away by hand is found out within a second, or now with `look`.
        """
        if self.lock.generation != self._generation:
            return False
        now = time.monotonic()
        if now < self._look_at and not look:
            return True
        self._look_at = now + _LOOK_S
        try:
            return os.stat(self._path).st_ino == self._inode
        except FileNotFoundError:
            return False

    def insert(self, rows: Sequence[Row]) -> None:
        """Commit rows, all or none."""
        if len(rows) <= _ROWS_A_STATEMENT:
            # A statement of its own is a transaction: one call that lets other threads go on.
            self._insert(rows)
            return
        with self.transaction():
            self.insert_within(rows)

    def insert_within(self, rows: Sequence[Row]) -> None:
        """Write rows within a transaction."""
        for start in range(0, len(rows), _ROWS_A_STATEMENT):
            self._insert(rows[start : start + _ROWS_A_STATEMENT])

    def _insert(self, rows: Sequence[Row]) -> None:
        self._connection.execute(
            _insertion(len(rows)), [value for row in rows for value in values_of(row)]
        )

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit what is done within, or nothing of it."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def checkpoint(self) -> None:
        """Bring what is in the log of writes into the file, as far as nobody is in the way."""
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Let go of the file."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()


def opened(path: Path) -> tuple[Database, FileLock]:
    """Return the file, opened and made where there is none, and the lock for all who write it.

    Raises sqlite3.Error, OSError, or RecordsError for the file of a newer server.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(path.with_name(f"{path.name}.lock"))
    try:
        with lock.held(_BUSY_S):
            try:
                return Database(path, lock), lock
            except sqlite3.DatabaseError as error:
                if not is_damage(error):
                    raise
                set_aside(path, lock, error)
                return Database(path, lock), lock
    except BaseException:
        lock.close()
        raise


def is_damage(error: sqlite3.Error) -> bool:
    """Say whether the file is no database any more, rather than the disk full or busy."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _DAMAGED


def set_aside(path: Path, lock: FileLock, error: Exception) -> None:
    """Give a damaged file another name, with what belongs to it; the caller holds the lock."""
    lock.begin_anew()
    name = f"{path.name}.damaged-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    for suffix in ("-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):
            os.replace(f"{path}{suffix}", path.with_name(f"{name}{suffix}"))
    log.event("prediction_log_damaged", "ERROR", file=str(path), set_aside=name, error=str(error))


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Give a connection that reads, where people see numbers and times; raises RecordsError."""
    try:
        if not path.is_file():
            raise RecordsError(f"{path}: there is no prediction log yet")
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode=ro", uri=True, timeout=_BUSY_S, isolation_level=None
        )
    except (sqlite3.Error, OSError) as error:
        raise RecordsError(f"{path}: {error}") from error
    try:
        connection.create_function("floats", 1, _floats, deterministic=True)
        connection.create_function("moment", 1, moment, deterministic=True)
        connection.executescript(_VIEWS)
        yield connection
    except sqlite3.Error as error:
        raise RecordsError(f"{path}: {error}") from error
    finally:
        connection.close()


def moment(microseconds: int | None) -> str | None:
    """Return a time as RFC 3339 has it, to the microsecond; `microseconds` since 1970, UTC."""
    if microseconds is None:
        return None
    seconds, rest = divmod(microseconds, 1_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:06}Z"


def _floats(blob: bytes | None) -> str | None:
    """Return numbers as JSON, which knows none that is not finite."""
    if blob is None:
        return None
    numbers = np.frombuffer(blob, FLOATS)
    is_plain = bool(np.isfinite(numbers).all())
    values = numbers.tolist() if is_plain else [x if np.isfinite(x) else None for x in numbers]
    return json.dumps(values)


def _connected(path: Path) -> sqlite3.Connection:
    # Nobody else is to read what was predicted. One that is there is not opened: to close it would
    # give up all locks that this process has on it (sqlite.org/howtocorrupt.html, 2.2).
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(
        path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        # A commit that brings the log of writes into the file waits for the disk: `Keeper` does it.
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute(f"PRAGMA journal_size_limit={16 << 20}")
        (layout,) = connection.execute("PRAGMA user_version").fetchone()
        if layout > _LAYOUT:
            raise RecordsError(
                f"{path}: its layout is {layout}, of a newer server; this one knows {_LAYOUT}"
            )
        if layout == 0:
            connection.executescript(
                f"BEGIN IMMEDIATE; {_TABLES.read_text()} PRAGMA user_version={_LAYOUT}; COMMIT;"
            )
    except BaseException:
        connection.close()
        raise
    return connection


@cache
def _insertion(rows: int) -> str:
    marks = f"({', '.join('?' * len(COLUMNS))})"
    return f"INSERT INTO predictions ({', '.join(COLUMNS)}) VALUES {', '.join([marks] * rows)}"
