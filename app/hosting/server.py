"""Process 1: runs nginx, uWSGI and inference side by side, and ends when one of the first two does.

SIGTERM: what has come in is answered first. New clients are kept out, nginx answers what it has
taken, and only then the others end; last the shipper, where there is one, which sends what they
have left on record.
"""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType

import app
from app import log
from app.api.admission import most_at_once
from app.hosting import listener, uwsgi
from app.hosting.errors import StartError
from app.hosting.folder import Folder
from app.hosting.nginx import Lines, Nginx
from app.hosting.processes import Process, bury_orphans, wait
from app.records.shipper import COMMAND as SHIPPER_COMMAND
from app.records.shipper import LAST_S
from app.records.shipper.drivers import missing_driver
from app.serving.supervisor import HOST_COMMAND, Supervisor
from app.serving.vacancy import check_repository
from app.settings import Settings

ROOT = Path(app.__file__).resolve().parents[1]
NGINX_CONF, UWSGI_INI = ROOT / "nginx.conf", ROOT / "uwsgi.ini"

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
_SOMAXCONN = Path("/proc/sys/net/core/somaxconn")
_WANTED_BACKLOG = 1024
# Of the workers' socket: one that is full loses requests. They are refused long before, and before
# what has waited there is too late to be answered.
_WANTED_INNER_BACKLOG = 4096
# uWSGI and nginx keep tables of all descriptors that they might get: gigabytes where a container
# runtime allows a billion of them.
_MAX_DESCRIPTORS = 65536
_POLL_S = 0.05
# A client that was let in at the last moment has sent its request by then.
_QUIET_S = 0.5
# How long what was told to end may take, before it is told again, and before it is killed.
_END_S = 4.0


class Server:
    """A server's processes, from the start to the end.

    Args:
        settings: the server's.
        environment: the processes'.
        inference: the command of the inference process.

    Raises:
        StartError: it cannot be started.
        SettingsError: there are no models.
    """

    def __init__(
        self,
        settings: Settings,
        environment: Mapping[str, str],
        *,
        inference: tuple[str, ...] = HOST_COMMAND,
    ) -> None:
        hosting, serving = settings.hosting, settings.serving
        if serving.inference == "in_process":
            raise StartError("INFERENCE='in_process': slipway serve needs process", 2)
        check_repository(serving)
        self._hosting, self._stopping_mark = hosting, serving.stopping_mark
        self.listener = listener.open_listener(hosting.port, _backlog(_WANTED_BACKLOG))
        _limit_descriptors()
        self._folder = Folder.of(serving.inference_socket)
        backlog = _backlog(_WANTED_INNER_BACKLOG)
        self._workers = listener.open_inside(self._folder.workers, backlog)
        self._nginx = Nginx(
            template=NGINX_CONF,
            folder=self._folder,
            settings=hosting,
            listener=self.listener.fileno(),
            most_inside=min(
                most_at_once(serving.queue_limit, hosting.http_processes), backlog // 2
            ),
            answer_s=int(2 * serving.inference_timeout_s + 60),
            max_body_bytes=settings.limits.max_body_bytes,
        )
        variables = {**environment, **_variables(settings)}
        self._programs = (
            self._nginx.program(variables),
            uwsgi.program(UWSGI_INI, hosting, self._workers, backlog, self._folder, variables),
        )
        self._supervisor = Supervisor(
            inference, environment=variables, kill_after_s=serving.inference_timeout_s + 15
        )
        self._shipper = _shipper(settings, variables)
        self._signal: int | None = None

    def run(self) -> int:
        """Serve until a signal, or a part's end; return the exit status."""
        self._stopping_mark.unlink(missing_ok=True)
        for number in _SIGNALS:
            signal.signal(number, self._take)
        log.event("listening", port=self._hosting.port, backlog=_backlog(_WANTED_BACKLOG))
        front, workers = parts = [Process(program) for program in self._programs]
        front.read(Lines(self._folder.metrics))
        workers.read(uwsgi.log_line)
        supervised = [self._supervisor, *([self._shipper] if self._shipper else [])]
        inference, *shipping = [supervisor.steps() for supervisor in supervised]

        def step() -> None:
            for steps in (inference, *shipping):
                next(steps, None)
            bury_orphans(
                {front.number, workers.number, *(supervisor.process for supervisor in supervised)}
            )
            time.sleep(_POLL_S)

        def is_over() -> bool:
            return self._signal is not None or any(part.has_ended() for part in parts)

        wait(is_over, step, float("inf"))
        status = _failed(parts)
        if self._signal == signal.SIGTERM and not status:
            self._drain(front, step)
            workers.send(signal.SIGTERM if front.has_ended() else signal.SIGINT)
        else:
            workers.send(signal.SIGINT)
        front.end()
        self._supervisor.stop()
        self._end(parts, inference, step)
        for steps in shipping:
            supervised[-1].stop()
            _exhaust(steps)
        self._stopping_mark.unlink(missing_ok=True)
        return status

    def _take(self, number: int, frame: FrameType | None) -> None:
        self._signal = number

    def _drain(self, front: Process, step: Callable[[], None]) -> None:
        """Let what has come in be answered; a second signal, or STOP_TIMEOUT_S, ends that."""
        hosting = self._hosting
        log.event("stopping", delay_s=hosting.stop_delay_s, timeout_s=hosting.stop_timeout_s)
        self._stopping_mark.touch()
        self._signal = None
        # A client that keeps its connection would send its next request to a server that is gone.
        self._nginx.write(keepalive_s=0)
        front.send(signal.SIGHUP)

        def is_urgent() -> bool:
            return self._signal is not None or front.has_ended()

        wait(is_urgent, step, hosting.stop_delay_s)
        is_closed = listener.keep_new_clients_out(self.listener)
        began_at = time.monotonic()
        wait(is_urgent, step, _QUIET_S)
        wait(lambda: is_urgent() or listener.is_empty(self.listener), step, hosting.stop_timeout_s)
        front.send(signal.SIGQUIT)
        wait(is_urgent, step, hosting.stop_timeout_s)
        is_answered = front.has_ended()
        log.event(
            "stopped" if is_answered else "stopped_in_flight",
            "INFO" if is_answered else "ERROR",
            in_flight=0 if is_answered else uwsgi.in_flight(self._folder.stats),
            seconds=round(time.monotonic() - began_at, 2),
            kept_new_clients_out=is_closed,
        )

    def _end(
        self, parts: list[Process], inference: Iterator[None], step: Callable[[], None]
    ) -> None:
        """Wait for the ends that all have been told of; urge, then kill who does not end."""
        for part in parts:
            if not wait(part.has_ended, step, _END_S):
                part.send(signal.SIGINT)
                if not wait(part.has_ended, step, _END_S):
                    log.event("killed", "ERROR", program=part.name)
            part.bury()
        _exhaust(inference)


def _shipper(settings: Settings, variables: Mapping[str, str]) -> Supervisor | None:
    """Return what keeps the shipper alive, where predictions or their inputs are sent anywhere."""
    if not settings.records.has_shipper:
        return None
    if missing := missing_driver(settings.records):
        raise StartError(missing, 2)
    return Supervisor(
        SHIPPER_COMMAND, name="shipper", environment=variables, kill_after_s=LAST_S + _END_S
    )


def _exhaust(steps: Iterator[None]) -> None:
    for _ in steps:
        time.sleep(_POLL_S)


def _failed(parts: list[Process]) -> int:
    """Log which part has ended by itself; return the exit status for that, 0 where none has."""
    for part in parts:
        if (status := part.status()) is not None:
            log.event("ended", "ERROR", program=part.name, status=status)
            return max(1, status)
    return 0


def _backlog(wanted: int) -> int:
    """Return how many connections may wait; uWSGI refuses to start with more than the kernel's."""
    return min(wanted, int(_SOMAXCONN.read_text()))


def _limit_descriptors() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MAX_DESCRIPTORS)
    # A client costs two of them.
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _variables(settings: Settings) -> dict[str, str]:
    """Return what the workers and inference read from the environment."""
    path = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    mirror = settings.serving.model_mirror
    return {
        "PORT": str(settings.hosting.port),
        "MODEL_REPOSITORY": settings.serving.model_address,
        **({"MODEL_MIRROR": str(mirror)} if mirror else {}),
        "INFERENCE_SOCKET": str(settings.serving.inference_socket),
        "PREDICTION_LOG": str(settings.records.prediction_log or "off"),
        "PYTHONPATH": os.pathsep.join(entry for entry in path if entry),
    }
