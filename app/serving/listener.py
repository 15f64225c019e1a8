"""The inference process's end of the socket: held by one process at a time, open to one user."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from pathlib import Path

_BACKLOG = 128
# A predecessor that was told to stop finishes what it has begun.
_PREDECESSOR_S = 10.0


class SocketInUseError(Exception):
    """Another inference process serves on this socket."""


class Listener:
    """Listens on `path`; what lay there is of a process that has ended. Raises SocketInUseError."""

    def __init__(self, path: Path, *, wait_s: float = _PREDECESSOR_S) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = path
        self._lock = _lock(path, wait_s)
        path.unlink(missing_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(str(path))
        path.chmod(0o600)
        self.socket.listen(_BACKLOG)

    def close(self) -> None:
        """Stop listening, and only then let a successor in."""
        self._path.unlink(missing_ok=True)
        self.socket.close()
        os.close(self._lock)


def _lock(path: Path, wait_s: float) -> int:
    """Take the socket's lock, which the system releases when this process ends in any way."""
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    give_up_at = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() >= give_up_at:
                os.close(descriptor)
                raise SocketInUseError(f"another inference process serves on {path}") from None
            time.sleep(0.1)
