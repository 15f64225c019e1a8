"""A lock between the processes of a pod, which the kernel opens when its holder is killed.

SQLite's own waits between writers grow to 100 ms; this one is asked for in fractions of one.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import time
from collections.abc import Iterator
from pathlib import Path

_BYTES = 8
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.00005, 0.001


class BusyError(Exception):
    """Somebody else has held the lock for too long."""


class FileLock:
    """A file that one process at a time holds. Not for several threads of one process.

    It holds a number too, which all see at once: how often what is locked was begun anew.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # A place of its own on the disk: to write a hole where the disk is full kills (SIGBUS).
            os.posix_fallocate(self._descriptor, 0, _BYTES)
            self._number = mmap.mmap(self._descriptor, _BYTES, prot=mmap.PROT_READ)
        except BaseException:
            os.close(self._descriptor)
            raise

    @property
    def generation(self) -> bytes:
        """The number, to be compared."""
        return self._number[:]

    def begin_anew(self) -> None:
        """Raise the number; the caller holds the lock. Raises OSError."""
        number = int.from_bytes(self.generation, "big") + 1
        os.pwrite(self._descriptor, number.to_bytes(_BYTES, "big"), 0)

    @contextlib.contextmanager
    def held(self, timeout_s: float) -> Iterator[None]:
        """Hold it; raises BusyError."""
        give_up_at, pause_s = time.monotonic() + timeout_s, _FIRST_PAUSE_S
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= give_up_at:
                    raise BusyError from None
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        try:
            yield
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def __enter__(self) -> FileLock:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._number.close()
        os.close(self._descriptor)
