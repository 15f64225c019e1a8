"""What lives as long as a server: sockets and files beside the inference process's socket."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from app.hosting.errors import StartError
from app.variables import LONGEST_SOCKET_PATH

# Metrics, and the bodies of requests that are being sent.
_LEAST_ROOM = 32 << 20
_ELSEWHERE = "; elsewhere: TMPDIR=/some/folder slipway serve"


@dataclass(frozen=True)
class Folder:
    """The paths; `of` makes what has to be there."""

    front: Path
    """The socket where nginx finds itself."""
    workers: Path
    """The socket where nginx finds uWSGI."""
    stats: Path
    """The socket where uWSGI tells of itself."""
    metrics: Path
    """A folder for what the workers count, empty at the start."""
    nginx: Path
    """A folder for nginx's configuration, and its files."""

    @classmethod
    def of(cls, inference_socket: Path) -> Folder:
        """Raises StartError where there is no room, or what is there is another's."""
        names = (".front", ".http", ".stats", ".metrics", ".nginx")
        folder = cls(*map(inference_socket.with_suffix, names))
        if len(os.fsencode(folder.front)) > LONGEST_SOCKET_PATH:
            raise StartError(f"INFERENCE_SOCKET={inference_socket}: the path is too long", 2)
        parent = inference_socket.parent
        try:
            parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if parent.stat().st_uid not in (0, os.getuid()):
                raise StartError(f"{parent}: belongs to another user")
            # nginx takes no address that is there already, as after it was killed.
            folder.front.unlink(missing_ok=True)
            for made in (folder.metrics, folder.nginx):
                shutil.rmtree(made, ignore_errors=True)
                made.mkdir(mode=0o700)
            free = shutil.disk_usage(parent).free
        except OSError as error:
            raise StartError(f"{parent}: {error.strerror}{_ELSEWHERE}") from error
        if free < _LEAST_ROOM:
            # What counts the requests lies in mapped files: without room a worker is killed.
            raise StartError(
                f"{parent}: {free >> 20} MiB free, {_LEAST_ROOM >> 20} MiB are needed{_ELSEWHERE}"
            )
        return folder
