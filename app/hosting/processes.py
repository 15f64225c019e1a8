"""The programs that process 1 runs: each ends with it, and what it says on stderr is logged."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)
_LONGEST_LINE = 1 << 16


@dataclass(frozen=True)
class Program:
    """How a program is started and ended.

    It has a process group of its own: Ctrl-C at a terminal is for whoever runs it.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    descriptors: Collection[int]
    """Those of the parent that it takes over."""
    at_once: signal.Signals
    """Ends it and all that it started, whatever it does; also sent where its parent is killed."""


class Process:
    """A program that runs. To be made by the main thread, before there are others."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self.name = program.name
        self._popen = subprocess.Popen(
            program.command,
            env=dict(program.environment),
            pass_fds=program.descriptors,
            stderr=subprocess.PIPE,
            process_group=0,
            preexec_fn=lambda: _LIBC.prctl(_PR_SET_PDEATHSIG, program.at_once),
        )
        self.number = self._popen.pid

    def status(self) -> int | None:
        """Return its exit status, negative where a signal ended it; None as long as it runs."""
        return self._popen.poll()

    def has_ended(self) -> bool:
        """Say whether it runs no more."""
        return self.status() is not None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            self._popen.send_signal(number)

    def end(self) -> None:
        """End it and all that it started, whatever they do."""
        self.send(self._program.at_once)

    def bury(self) -> None:
        """Kill what is left of its group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.number, signal.SIGKILL)

    def read(self, log: Callable[[str], None]) -> None:
        """Hand each line of its stderr to `log`, in a thread, until nobody can write there."""
        assert self._popen.stderr is not None
        lines = iter(lambda: self._popen.stderr.readline(_LONGEST_LINE), b"")  # type: ignore[union-attr]
        threading.Thread(target=_hand_on, args=(lines, log), daemon=True).start()


def _hand_on(lines: Iterable[bytes], log: Callable[[str], None]) -> None:
    for line in lines:
        if text := line.decode(errors="backslashreplace").rstrip():
            log(text)


def bury_orphans(own: Collection[int]) -> None:
    """Bury, as process 1 of a container, those that have ended and have no other parent left.

    Args:
        own: this process's children, whose status somebody waits for.
    """
    with contextlib.suppress(ChildProcessError):
        while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if ended.si_pid in own:
                return
            os.waitpid(ended.si_pid, os.WNOHANG)


def wait(condition: Callable[[], bool], step: Callable[[], None], timeout_s: float) -> bool:
    """Take steps until a condition holds, or for so long; say whether it does."""
    give_up_at = time.monotonic() + timeout_s
    while not (holds := condition()) and time.monotonic() < give_up_at:
        step()
    return holds
