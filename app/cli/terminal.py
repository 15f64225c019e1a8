"""What a person sees in the terminal: tables, sizes, and errors of one line."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator, Sequence
from types import FrameType


class CommandError(Exception):
    """A command that did not work; its text is one line, `status` what the process exits with."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


@contextlib.contextmanager
def ending_at_once() -> Iterator[None]:
    """Have Ctrl-C end the process there and then, while a framework works in it.

    An exception would get lost where it meets a finalizer, and the interpreter's own end would
    crash in the framework's threads.
    """

    def end(number: int, frame: FrameType | None) -> None:
        os._exit(128 + number)

    before = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class Columns:
    """Columns as wide as the widest cell of each in `rows`; `right` has `>` for a right-aligned."""

    def __init__(self, rows: Sequence[Sequence[object]], *, right: str = "") -> None:
        self._widths = [
            max(len(printable(cell)) for cell in column) for column in zip(*rows, strict=True)
        ]
        self._sides = right.ljust(len(self._widths))

    def line(self, row: Sequence[object]) -> str:
        """Return one row as a line."""
        cells = zip(map(printable, row), self._widths, self._sides, strict=True)
        return "  ".join(
            cell.rjust(width) if side == ">" else cell.ljust(width) for cell, width, side in cells
        ).rstrip()


def table(rows: Sequence[Sequence[object]], *, right: str = "") -> str:
    """Return rows, the first one the heads, in columns; `right` has `>` for a right-aligned one."""
    return "\n".join(map(Columns(rows, right=right).line, rows))


def printable(cell: object) -> str:
    """Return a text on one line that commands no terminal: names of files may hold anything."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in str(cell))


def counted(count: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def shortened(text: str, limit: int) -> str:
    """Return a text on one line, cut off behind a word where it is longer than `limit`."""
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    head, _, _ = line[:limit].rpartition(" ")
    return f"{head or line[: limit - 1]}…"


def megabytes(size_bytes: int) -> str:
    """Return a file's size for people."""
    return f"{size_bytes / 1e6:.1f} MB"
