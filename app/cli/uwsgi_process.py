"""uWSGI as a child of `slipway serve`: started, watched, drained, ended.

SIGTERM alone would make uWSGI lose what its router has taken and no worker has begun. So new
clients are kept out first, what has come in is answered, and only then is uWSGI told to end.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from app import log
from app.cli.listener import keep_new_clients_out
from app.cli.routers import Routers
from app.cli.wills import Wills

_POLL_S = 0.05
# For so long nothing may be in flight before the server ends: a client that was let in at the last
# moment has sent its request by then.
_QUIET_S = 0.5
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Stop:
    """How the server ends on SIGTERM."""

    delay_s: float
    """For so long it goes on as before, but says that it is not ready."""
    timeout_s: float
    """After that, so long is waited for what is in flight."""
    mark: Path
    """A file that tells the workers, as long as it exists, that the server is stopping."""


class UwsgiProcess:
    """uWSGI, from its start to its end.

    Args:
        command: with the program's path first.
        environment: all of it.
        routers: uWSGI's.
        wills: of its workers.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        routers: Routers,
        wills: Wills,
    ) -> None:
        self._routers, self._wills = routers, wills
        self._signal: int | None = None
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, self._take)
        self._process = _start(command, environment)
        self._status: int | None = None

    def run(self, listener: socket.socket, stop: Stop) -> int:
        """Wait until uWSGI ends, or a signal ends it; return the exit status."""
        self._until(self._is_over)
        if self._signal == signal.SIGTERM and self._status is None:
            self._drain(listener, stop)
            stop.mark.unlink(missing_ok=True)
        elif self._status is None and self._signal is not None:
            self._send(self._signal)
        while self._status is None:
            self._reap()
            time.sleep(_POLL_S)
        # However far uWSGI was: Ctrl-C is no failure.
        return 0 if self._signal == signal.SIGINT else self._status

    def _take(self, number: int, frame: FrameType | None) -> None:
        self._signal = number

    def _is_over(self) -> bool:
        return self._signal is not None or self._status is not None

    def _until(self, condition: Callable[[], bool], timeout_s: float = float("inf")) -> bool:
        """Wait for a condition, the process's end, or the time; say whether it was the first."""
        give_up_at = time.monotonic() + timeout_s
        while not (is_true := condition()) and time.monotonic() < give_up_at:
            self._routers.tend()
            self._reap()
            if self._status is not None:
                break
            time.sleep(_POLL_S)
        return is_true

    def _reap(self) -> None:
        """Note uWSGI's end; as process 1 of a container also bury whoever has no parent left."""
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if process == 0:
                return
            if process == self._process:
                self._status = max(0, os.waitstatus_to_exitcode(status)) or int(
                    not os.WIFEXITED(status)
                )

    def _drain(self, listener: socket.socket, stop: Stop) -> None:
        """Let what has come in be answered, then tell uWSGI to end."""
        log.event("stopping", delay_s=stop.delay_s, timeout_s=stop.timeout_s)
        stop.mark.touch()
        self._signal = None
        self._until(self._is_over, stop.delay_s)
        is_closed = keep_new_clients_out(listener)
        began_at = quiet_since = time.monotonic()
        in_flight = 0
        while self._status is None and self._signal is None:
            now = time.monotonic()
            in_flight = self._routers.in_flight()
            if in_flight:
                quiet_since = now
            if now - quiet_since >= _QUIET_S or now - began_at >= stop.timeout_s:
                break
            self._reap()
            time.sleep(_POLL_S)
        log.event(
            "stopped" if not in_flight else "stopped_in_flight",
            "INFO" if not in_flight else "ERROR",
            in_flight=in_flight,
            seconds=round(time.monotonic() - began_at, 2),
            kept_new_clients_out=is_closed,
        )
        # What is still in flight has had its time, or somebody does not want to wait.
        self._send(signal.SIGINT if in_flight else signal.SIGTERM)

    def _send(self, number: int) -> None:
        self._wills.close()
        if self._status is None:
            os.kill(self._process, number)


def _start(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Start the program and return its process; it does not outlive this one."""
    parent = os.getpid()
    libc = ctypes.CDLL(None)
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
    # One that came in between would be taken by a handler that the program's start forgets.
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    process = os.fork()
    if process:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)
        return process
    try:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == parent:
            os.execve(command[0], list(command), dict(environment))
    finally:
        os._exit(127)
