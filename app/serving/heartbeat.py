"""Tells the supervisor that the inference process is not stuck: a byte through a pipe each moment.


Native code that never gives the interpreter back stops every thread of a process, so that only
another process can notice. The standard library alone.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping

#: The descriptor's number, from one end to the other; no setting for people.
VARIABLE = "SLIPWAY_HEARTBEAT"


class Pulse:
    """The supervisor's end, one for each process that it starts."""

    def __init__(self) -> None:
        self._reader, self.writer = os.pipe()
        os.set_blocking(self._reader, False)
        # A process that is slow to be looked at must not wait in its heartbeat.
        os.set_blocking(self.writer, False)
        self._last_at: float | None = None

    def silent_s(self) -> float:
        """Return the seconds since the last beat; 0 before the first."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._reader, 4096):
                self._last_at = time.monotonic()
        return 0.0 if self._last_at is None else time.monotonic() - self._last_at

    def close(self) -> None:
        """Let go of both ends."""
        os.close(self._reader)
        os.close(self.writer)


class Heart:
    """The inference process's end; beats for nobody where no supervisor listens."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._writer = int(environment.get(VARIABLE, -1))

    def beat(self) -> None:
        """Say that the process still goes round."""
        if self._writer >= 0:
            with contextlib.suppress(OSError):
                os.write(self._writer, b".")
