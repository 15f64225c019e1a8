"""Tells whether the process that started this one still lives.

What outlives its parent would hold the socket and the memory against its successor.
"""

from __future__ import annotations

import os


class Parent:
    """The parent at the time of making this."""

    def __init__(self) -> None:
        self._process = os.getppid()

    def is_gone(self) -> bool:
        """Say whether it has ended: an orphan is given another parent."""
        return os.getppid() != self._process
