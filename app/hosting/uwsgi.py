"""uWSGI: where it is, what its configuration is told, and what it says."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from app import log
from app.api.settings import METRICS_FOLDER_VARIABLE
from app.hosting.errors import StartError
from app.hosting.folder import Folder
from app.hosting.processes import Program
from app.hosting.settings import HostingSettings

# How a worker's many threads share memory (mallopt(3)). Each would keep what it has freed in an
# arena of its own; and pixels that come from an arena leave holes in it, so that it grows for
# ever: they are given back to the system at once instead.
_MALLOC = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": str(1 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(4 << 20),
}
# What it says at every start and every end.
_ROUTINE = re.compile(
    r"(?:\w+ \w+ +\d+ [\d:]+ \d+ - )?(?: ?\*\*\* |WSGI app |compiled |os: |nodename|machine|clock "
    r"|pcre |detected |current |your |lock "
    r"|thunder |mapped |added |spawned |running |uwsgi socket|uWSGI running|Python |python |--- "
    r"|Gracefully killing worker |worker \d+ buried |goodbye |VACUUM: |SIGINT/SIGTERM received"
    r"|graceful shutdown triggered|\[uWSGI\] getting INI )"
)


def program(
    ini: Path,
    settings: HostingSettings,
    workers: socket.socket,
    backlog: int,
    folder: Folder,
    environment: Mapping[str, str],
) -> Program:
    """Return what runs the workers behind the socket; raises StartError."""
    descriptor, stdout = workers.fileno(), os.dup(sys.stdout.fileno())
    told = {
        **{name: os.environ.get(name, value) for name, value in _MALLOC.items()},
        "HTTP_PROCESSES": str(settings.http_processes),
        "HTTP_THREADS": str(settings.http_threads),
        METRICS_FOLDER_VARIABLE: str(folder.metrics),
        "SLIPWAY_STATS": str(folder.stats),
        "SLIPWAY_STDOUT": str(stdout),
        "SLIPWAY_WORKERS": str(descriptor),
        "SLIPWAY_STOP_S": str(int(settings.stop_timeout_s) + 1),
    }
    command = [_path(), "--ini", str(ini), "--listen", str(backlog)]
    return Program("uWSGI", command, {**environment, **told}, [descriptor, stdout], signal.SIGKILL)


def _path() -> str:
    """Return the path of uWSGI: the one beside this Python, else the one on the PATH."""
    beside = str(Path(sys.executable).parent)
    found = shutil.which("uwsgi", path=beside) or shutil.which("uwsgi")
    if found is None:
        raise StartError("uWSGI is not installed; make setup installs it")
    return found


def in_flight(stats: Path) -> int:
    """Return how many requests the workers have begun and not answered."""
    answer = b""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        connection.connect(str(stats))
        while block := connection.recv(1 << 16):
            answer += block
    return answer.count(b'"in_request":1')


def log_line(line: str) -> None:
    """Log one line that it says."""
    if not _ROUTINE.match(line):
        log.event("server", "WARNING", message=line)
