"""Inputs that are to be kept, on their way: files by their digests in a folder beside the log.

Who answers writes them there and waits for nothing; `app.records.inputs` takes them away. What has
no room is dropped and counted: an input is worth less than an answer.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from app.records.sampling import is_taken

_MOST_BYTES = 256 << 20
_LOOK_S = 1.0


def spool_of(log: Path) -> Path:
    """Return the folder beside a log."""
    return log.with_name(f"{log.name}.inputs")


class Spool:
    """The folder, for those who write into it; all processes of a pod do.

    Args:
        folder: made when it is first needed, for its owner alone.
        share: of the requests whose inputs are kept.
        counted: told of each input in one word what came of it.
    """

    def __init__(self, folder: Path, share: float, counted: Callable[[str], None]) -> None:
        self._folder, self._share, self._counted = folder, share, counted
        self._bytes, self._look_at = 0, 0.0

    def wants(self, request_id: str) -> bool:
        """Say whether the inputs of a request are to be kept."""
        return is_taken(request_id, self._share)

    def admit(self, content: bytes) -> str | None:
        """Return the digest by which an input will be known, or None where it has no room."""
        now = time.monotonic()
        if now >= self._look_at:
            self._bytes, self._look_at = _size_of(self._folder), now + _LOOK_S
        if self._bytes + len(content) > _MOST_BYTES:
            self._counted("full")
            return None
        self._bytes += len(content)
        return hashlib.sha256(content).hexdigest()

    def put(self, digest: str, content: bytes) -> None:
        """Write an input, whole or not at all; what fails is counted."""
        part = self._folder / f".{digest}.{os.getpid()}.part"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(part, "wb", opener=_for_its_owner) as file:
                file.write(content)
            os.replace(part, self._folder / digest)
        except OSError:
            self._counted("failed")
        else:
            self._counted("kept")


def _for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _size_of(folder: Path) -> int:
    size = 0
    # Not made yet, or files that have just been taken away.
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                size += entry.stat().st_size
    return size
