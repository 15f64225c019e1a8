"""Keeps a process alive: starts it, starts it again when it dies, ends it when told.

`python -m app.serving.supervisor [COMMAND…]`, by default `python -m app.serving.host`. The standard
library alone, so that it needs next to no memory and cannot die of a framework.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app import log
from app.serving.heartbeat import VARIABLE, Pulse
from app.serving.memory import MemoryGroup
from app.serving.parent import Parent
from app.serving.vacancy import check_repository
from app.settings import Settings
from app.variables import SettingsError

HOST_COMMAND = (sys.executable, "-m", "app.serving.host")

_POLL_S = 0.1


@dataclass(frozen=True)
class BackOff:
    """How long to wait before the next start: doubled with each death, from `first_s`.

    A process that lived for `settled_s` counts as healthy: after its death it begins anew.
    """

    first_s: float = 1
    longest_s: float = 30
    settled_s: float = 60

    def next_s(self, last_s: float | None, lived_s: float) -> float:
        """Return the wait after a death; `last_s` is the wait before, None at the first."""
        if last_s is None or lived_s >= self.settled_s:
            return self.first_s
        return min(2 * last_s, self.longest_s)


class Supervisor:
    """Runs `command` again and again until `stop`, or until its own parent is gone.

    `name` is what the log's events begin with.
    """

    def __init__(
        self,
        command: Sequence[str] = HOST_COMMAND,
        *,
        name: str = "inference",
        environment: Mapping[str, str] = os.environ,
        back_off: BackOff = BackOff(),
        kill_after_s: float = 75,
        hung_after_s: float = 60,
    ) -> None:
        self._command, self._name, self._environment = command, name, environment
        self._back_off = back_off
        self._kill_after_s = kill_after_s
        self._hung_after_s = hung_after_s
        self._parent = Parent()
        self._memory = MemoryGroup()
        self._is_stopping = False
        self.process = 0
        """The newest process's number; 0 before the first."""

    def stop(self) -> None:
        """End the process and then `run`; may be called from a signal handler."""
        self._is_stopping = True

    def run(self) -> None:
        """Supervise until told to end; the process has ended then too."""
        for _ in self.steps():
            time.sleep(_POLL_S)

    def steps(self) -> Iterator[None]:
        """Do what `run` does a step at a time, for whoever waits between them."""
        wait_s: float | None = None
        while not self._should_end():
            started_at, kills = time.monotonic(), self._memory.kills()
            with contextlib.closing(Pulse()) as pulse:
                process = subprocess.Popen(
                    self._command,
                    pass_fds=[pulse.writer],
                    env={**self._environment, VARIABLE: str(pulse.writer)},
                    process_group=0,
                )
                self.process = process.pid
                log.event(f"{self._name}_started", process=process.pid)
                status, is_hung = yield from self._wait(process, pulse)
            if self._should_end():
                break
            why_killed = "it hung" if is_hung else self._memory.why_killed(kills)
            lived_s = time.monotonic() - started_at
            wait_s = self._back_off.next_s(wait_s, lived_s)
            log.event(
                f"{self._name}_died",
                "ERROR",
                process=process.pid,
                **_cause(status, why_killed),
                lived_s=round(lived_s, 1),
                restart_in_s=wait_s,
            )
            yield from self._sleep(wait_s)

    def _should_end(self) -> bool:
        return self._is_stopping or self._parent.is_gone()

    def _wait(
        self, process: subprocess.Popen[bytes], pulse: Pulse
    ) -> Generator[None, None, tuple[int, bool]]:
        """Wait until the process ends; end it where this one has to, or where it hangs.

        Returns its status, and whether it was ended because it hung.
        """
        while not self._should_end():
            if (status := process.poll()) is not None:
                return status, False
            silent_s = pulse.silent_s()
            if silent_s > self._hung_after_s:
                log.event(
                    f"{self._name}_hangs",
                    "ERROR",
                    process=process.pid,
                    silent_s=round(silent_s, 1),
                )
                process.kill()
                return process.wait(), True
            yield
        process.terminate()
        give_up_at = time.monotonic() + self._kill_after_s
        while process.poll() is None:
            if time.monotonic() >= give_up_at:
                log.event(f"{self._name}_killed", "ERROR", process=process.pid)
                process.kill()
                break
            yield
        return process.wait(), False

    def _sleep(self, seconds: float) -> Iterator[None]:
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self._should_end():
            yield


def _cause(status: int, why_killed: str) -> dict[str, Any]:
    """Return what ended a process, for the log; what SIGKILL was sent for the status cannot say."""
    if status >= 0:
        return {"exit_code": status}
    try:
        name: str | int = signal.Signals(-status).name
    except ValueError:
        name = -status
    if name != "SIGKILL":
        return {"signal": name}
    return {"signal": name, "reason": f"killed by signal 9: {why_killed}"}


def main(arguments: Sequence[str], back_off: BackOff = BackOff()) -> int:
    """Supervise the command in the arguments, or the inference process; return the exit status."""
    try:
        settings = Settings.from_environment()
        check_repository(settings.serving)
    except SettingsError as error:
        log.configure()
        log.event("bad_setting", "ERROR", error=str(error))
        return 2
    log.configure(settings.log_level)
    supervisor = Supervisor(
        arguments or HOST_COMMAND,
        back_off=back_off,
        # What is in flight when the process is told to stop may take this long.
        kill_after_s=settings.serving.inference_timeout_s + 15,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: supervisor.stop())
    supervisor.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
