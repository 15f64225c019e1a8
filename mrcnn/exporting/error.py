"""What an export fails by."""

from __future__ import annotations


class ExportError(Exception):
    """What cannot be written, or does not run; the message is one line."""
