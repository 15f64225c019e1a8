"""The log: one JSON line an event on stdout, so that `kubectl logs` tells what happened.

Libraries that log through `logging` come out as such lines too. Only the standard library.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, TextIO, cast

_LOGGER = logging.getLogger("slipway")
# Where some readers end a line, and what a terminal takes for a command; JSON allows them as they
# are, and a request may hold them.
_ENCODER = json.JSONEncoder(default=str, ensure_ascii=False)
_UNSEEN = {code: f"\\u{code:04x}" for code in (*range(0x80, 0xA0), 0x2028, 0x2029)}


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, object] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "severity": record.levelname,
        }
        if record.name == _LOGGER.name:
            line["event"] = record.msg
            line.update(getattr(record, "fields", {}))
        else:
            line |= {"event": "log", "logger": record.name, "message": record.getMessage()}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        text = _ENCODER.encode(line)
        return text if text.isascii() else text.translate(_UNSEEN)


class _Unlocked:
    """What `logging` takes for a lock, in either of the ways in which it takes one."""

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...

    def acquire(self) -> None: ...

    def release(self) -> None: ...


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes each line in one piece, so that the lines of several processes do not mix."""

    def createLock(self) -> None:  # noqa: N802 - the base class names it
        """Do without a lock: while one thread writes, a hundred others would queue for it."""
        self.lock = cast(Any, _Unlocked())

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; a closed pipe is nobody's reason to fail a prediction."""
        try:
            line = self.format(record) + "\n"
            waiting = getattr(_waiting, "lines", None)
            if waiting is None:
                self.write(line)
            else:
                waiting.append((self, line))
        except Exception:
            self.handleError(record)

    def write(self, lines: str) -> None:
        """Write whole lines."""
        try:
            descriptor = self.stream.fileno()
        except OSError:
            # No file: what is written to memory is there at once.
            self.stream.write(lines)
            return
        data = lines.encode(errors="backslashreplace")
        while data:
            data = data[os.write(descriptor, data) :]


_waiting = threading.local()


@contextlib.contextmanager
def in_one_piece() -> Iterator[None]:
    """Have what this thread logs meanwhile written at the end: each write lets other threads go."""
    waiting: list[tuple[LineHandler, str]] = []
    _waiting.lines = waiting
    try:
        yield
    finally:
        _waiting.lines = None
        for handler in {handler for handler, _ in waiting}:
            with contextlib.suppress(Exception):
                handler.write("".join(line for one, line in waiting if one is handler))


def configure(level: str = "info", stream: TextIO | None = None) -> None:
    """Send every record of at least `level` to `stream`, stdout by default, as JSON lines."""
    handler = LineHandler(stream or sys.stdout)
    handler.setFormatter(JsonLines())
    # No line says from which thread it is: to find that out takes as long as all else.
    logging.logThreads = logging.logMultiprocessing = logging.logProcesses = False
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Libraries speak at their own warning level; the setting is about our events.
    root.setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))
    _LOGGER.setLevel(level.upper())
    logging.captureWarnings(True)


def event(name: str, severity: str = "INFO", *, exception: bool = False, **fields: object) -> None:
    """Write one event; `exception` adds the traceback of the error being handled."""
    level = logging.getLevelName(severity)
    if not _LOGGER.isEnabledFor(level):
        return
    # Not by Logger.log, which looks for whoever calls it.
    error = sys.exc_info() if exception else None
    record = logging.LogRecord(_LOGGER.name, level, __file__, 0, name, None, error)
    record.fields = fields
    _LOGGER.handle(record)
