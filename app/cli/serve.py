"""`slipway serve`: runs uWSGI, after what uWSGI would only find out late has been checked.

`uwsgi.ini` has its configuration, `app.cli.uwsgi_process` what is done when it is to end.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import app
from app import log
from app.cli import announce
from app.cli.folder import add_option, environment_with
from app.cli.gate import Gate
from app.cli.listener import open_listener
from app.cli.routers import Routers, StatsSockets, largest_body_in_memory
from app.cli.terminal import CommandError
from app.cli.uwsgi_process import Stop, UwsgiProcess
from app.cli.wills import Wills
from app.serving.vacancy import check_folder
from app.settings import (
    LONGEST_SOCKET_PATH,
    METRICS_FOLDER_VARIABLE,
    WILLS_VARIABLE,
    Settings,
)

ROOT = Path(app.__file__).resolve().parents[1]
UWSGI_INI = ROOT / "uwsgi.ini"

_SOMAXCONN = Path("/proc/sys/net/core/somaxconn")
_WANTED_BACKLOG = 1024
# Of the sockets between uWSGI's processes: one that is full loses requests. They are turned away
# long before, and before what has waited there is too late to be answered.
WANTED_INNER_BACKLOG = 4096
MOST_WAITING = 256
# uWSGI's router keeps a table of all descriptors that it might get: gigabytes where a container
# runtime allows a billion of them (unbit/uwsgi issue 2299).
_MAX_DESCRIPTORS = 65536
# Metrics, and the bodies of requests that are being sent.
_LEAST_ROOM = 32 << 20
# How a worker's many threads share memory (mallopt(3)). Each would keep what it has freed in an
# arena of its own; and pixels that come from an arena leave holes in it, so that it grows for
# ever: they are given back to the system at once instead.
_MALLOC = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": str(1 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(4 << 20),
}
_ELSEWHERE = "; elsewhere: TMPDIR=/some/folder slipway serve"


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("serve", help="serve the models over HTTP")
    parser.add_argument("--port", metavar="PORT", help="instead of $PORT, by default 8080")
    add_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C; returns only where that cannot begin."""
    environment = environment_with(arguments)
    if arguments.port is not None:
        environment["PORT"] = arguments.port
    settings = Settings.from_environment(environment)
    if settings.inference == "in_process":
        raise CommandError("INFERENCE='in_process': slipway serve needs process", 2)
    check_folder(settings.model_repository)
    uwsgi = _uwsgi()
    backlog, inner_backlog = _backlog(_WANTED_BACKLOG), _backlog(WANTED_INNER_BACKLOG)
    listener = open_listener(settings.port, backlog)
    _limit_descriptors()
    sockets = _Sockets.of(settings)
    environment |= _variables(settings, sockets) | {"SLIPWAY_LISTENER": str(listener.fileno())}
    log.configure(settings.log_level)
    log.event("listening", port=settings.port, backlog=backlog, wanted_backlog=_WANTED_BACKLOG)
    announce.start(listener, settings.model_repository)
    sys.stdout.flush()
    command = [uwsgi, "--ini", str(UWSGI_INI), "--listen", str(inner_backlog)]
    settings.stopping_mark.unlink(missing_ok=True)
    stop = Stop(settings.stop_delay_s, settings.stop_timeout_s, settings.stopping_mark)
    routers = Routers(sockets.stats, settings.max_body_bytes)
    gate = Gate(
        sockets.gate, (sockets.router, sockets.workers), min(MOST_WAITING, inner_backlog // 2)
    )
    wills = Wills(sockets.wills)
    process = UwsgiProcess(command, environment, routers, wills)
    wills.start()
    gate.start()
    return process.run(listener, stop)


@dataclass(frozen=True)
class _Sockets:
    """uWSGI's Unix sockets, beside the inference process's."""

    gate: Path
    """A link to the next, as long as the outer router may send it requests."""
    router: Path
    workers: Path
    stats: StatsSockets
    wills: Path

    @classmethod
    def of(cls, settings: Settings) -> _Sockets:
        """Return them; raises CommandError where their paths are too long for sockets."""
        path = settings.inference_socket
        stats = StatsSockets(path.with_suffix(".outer"), path.with_suffix(".inner"))
        gate, router, workers, wills = map(
            path.with_suffix, (".gate", ".router", ".http", ".wills")
        )
        sockets = cls(gate, router, workers, stats, wills)
        if len(os.fsencode(sockets.router)) > LONGEST_SOCKET_PATH:
            raise CommandError(f"INFERENCE_SOCKET={path}: the path is too long", 2)
        return sockets


def _uwsgi() -> str:
    """Return the path of uWSGI: the one beside this Python, else the one on the PATH."""
    beside = str(Path(sys.executable).parent)
    found = shutil.which("uwsgi", path=beside) or shutil.which("uwsgi")
    if found is None:
        raise CommandError("uWSGI is not installed; make setup installs it")
    return found


def _backlog(wanted: int) -> int:
    """Return how many connections may wait; uWSGI refuses to start with more than the kernel's."""
    return min(wanted, int(_SOMAXCONN.read_text()))


def _limit_descriptors() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft > _MAX_DESCRIPTORS:
        resource.setrlimit(resource.RLIMIT_NOFILE, (_MAX_DESCRIPTORS, hard))


def _variables(settings: Settings, sockets: _Sockets) -> dict[str, str]:
    """Return what `uwsgi.ini` and its processes read from the environment."""
    longest_s = 2 * settings.inference_timeout_s + 60
    path = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {
        "PORT": str(settings.port),
        "MODEL_REPOSITORY": str(settings.model_repository),
        "INFERENCE_SOCKET": str(settings.inference_socket),
        "HTTP_PROCESSES": str(settings.http_processes),
        "HTTP_THREADS": str(settings.http_threads),
        "KEEPALIVE_S": str(settings.keepalive_s),
        METRICS_FOLDER_VARIABLE: str(_empty_metrics_folder(settings.inference_socket)),
        **{name: os.environ.get(name, value) for name, value in _MALLOC.items()},
        "PYTHONPATH": os.pathsep.join(entry for entry in path if entry),
        "SLIPWAY_GATE": str(sockets.gate),
        "SLIPWAY_ROUTER_SOCKET": str(sockets.router),
        "SLIPWAY_WORKERS_SOCKET": str(sockets.workers),
        "SLIPWAY_OUTER_STATS_SOCKET": str(sockets.stats.outer),
        "SLIPWAY_INNER_STATS_SOCKET": str(sockets.stats.inner),
        WILLS_VARIABLE: str(sockets.wills),
        "SLIPWAY_PYTHON": sys.executable,
        "SLIPWAY_BODY_IN_MEMORY": str(largest_body_in_memory()),
        "SLIPWAY_HARAKIRI_S": str(int(longest_s)),
        "SLIPWAY_HTTP_TIMEOUT_S": str(int(longest_s) + 15),
    }


def _empty_metrics_folder(inference_socket: Path) -> Path:
    """Return an empty folder for the workers' metrics, beside what else lives as long as they."""
    folder = inference_socket.with_suffix(".metrics")
    try:
        inference_socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if inference_socket.parent.stat().st_uid not in (0, os.getuid()):
            raise CommandError(f"{inference_socket.parent}: belongs to another user")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise CommandError(f"{folder}: {error.strerror}{_ELSEWHERE}") from error
    if free < _LEAST_ROOM:
        # What counts the requests lies in mapped files: where they have no room a worker is killed.
        raise CommandError(
            f"{folder}: {free >> 20} MiB free, {_LEAST_ROOM >> 20} MiB are needed{_ELSEWHERE}"
        )
    return folder
