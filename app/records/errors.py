"""What can go wrong with the prediction log, for those who cannot go on without it."""

from __future__ import annotations

#: Why rows can be lost, each in one word.
REASONS = ("full", "disk_full", "damaged", "slow", "failed")


class RecordsError(Exception):
    """The log cannot be read or written; its text is one line."""


class LogFullError(RecordsError):
    """The log has no room, and what is not on record is not to be answered."""
