"""Why a server cannot be started."""

from __future__ import annotations


class StartError(Exception):
    """Something is missing or taken; its text is one line, `status` the process's exit status."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status
