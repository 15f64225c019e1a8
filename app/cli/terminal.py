"""What a person sees in the terminal: tables, sizes, and errors of one line."""

from __future__ import annotations

from collections.abc import Sequence


class CommandError(Exception):
    """A command that did not work; its text is one line, `status` what the process exits with."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


def table(rows: Sequence[Sequence[object]], *, right: str = "") -> str:
    """Return rows, the first one the heads, in columns; `right` has `>` for a right-aligned one."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    sides = right.ljust(len(widths))
    lines = (
        "  ".join(
            cell.rjust(width) if side == ">" else cell.ljust(width)
            for cell, width, side in zip(row, widths, sides, strict=True)
        )
        for row in texts
    )
    return "\n".join(line.rstrip() for line in lines)


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
