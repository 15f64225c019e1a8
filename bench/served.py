"""A server and all that it starts: begun, timed to its first answer, weighed, ended.

Servers start processes that start others, some of them in sessions of their own; all of them are
found again by a variable that each inherits.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contender import ROOT
from bench.server import free_port

_MARK = "SLIPWAY_BENCH_SIDE"
_PATIENCE_S = 120.0
_STOP_S = 5.0


@dataclass(frozen=True)
class Sent:
    """One request, and where it goes."""

    path: str
    body: bytes
    headers: Mapping[str, str]

    def ask(self, port: int, timeout_s: float = 30) -> bytes:
        """Send it and return the answer's body; raises OSError where it is not 200."""
        url = f"http://127.0.0.1:{port}{self.path}"
        request = urllib.request.Request(url, self.body, dict(self.headers))
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as answer:
                body: bytes = answer.read()
                return body
        except urllib.error.HTTPError as error:
            with error:
                raise OSError(f"{error.code} {error.read()[:200]!r}") from None


class Served:
    """A server that runs, on a port of its own."""

    def __init__(self, command: Sequence[str], folder: Path, variables: Mapping[str, str]) -> None:
        self._mark = f"{_MARK}={uuid.uuid4()}"
        self.port = free_port()
        self._log = folder / "log"
        environment = os.environ | {
            "PORT": str(self.port),
            "SECOND_PORT": str(free_port()),
            "THIRD_PORT": str(free_port()),
            "TMPDIR": str(folder),
            "XDG_STATE_HOME": str(folder),
            "PYTHONPATH": str(ROOT),
            **variables,
            _MARK: self._mark.partition("=")[2],
        }
        self._began = time.monotonic()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True
            )

    def first_answer_s(self, sent: Sent) -> float:
        """Return the seconds from its start until it has answered; raises RuntimeError."""
        last: object = "nothing"
        while time.monotonic() < self._began + _PATIENCE_S:
            if self._process.poll() is not None:
                raise RuntimeError(f"it ended; {self.last_words()}")
            try:
                sent.ask(self.port)
            except OSError as error:
                last = error
                time.sleep(0.05)
            else:
                return time.monotonic() - self._began
        raise RuntimeError(f"no answer within {_PATIENCE_S:.0f} s: {last}; {self.last_words()}")

    def pss_mib(self) -> float:
        """Return the memory of all its processes, what they share counted once."""
        return sum(map(_pss_kib, self._family())) / 1024

    def last_words(self) -> str:
        """Return the last line of its log."""
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def end(self) -> None:
        """Tell it to end, and end what is still there after a while."""
        family = self._family()
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_S)
        for process in family | self._family():
            with contextlib.suppress(OSError):
                if self._is_of_it(process):
                    os.kill(process, signal.SIGKILL)
        self._process.wait()

    def _family(self) -> set[int]:
        numbers = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
        return {number for number in numbers if self._is_of_it(number)}

    def _is_of_it(self, process: int) -> bool:
        """Say whether it is in the server's session, or began with its mark."""
        try:
            if os.getsid(process) == self._process.pid:
                return True
            return self._mark.encode() in Path(f"/proc/{process}/environ").read_bytes()
        except OSError:
            return False


@contextlib.contextmanager
def served(command: Sequence[str], variables: Mapping[str, str]) -> Iterator[Served]:
    """Run a server until the block ends; its files are in a folder that goes with it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = Served(command, Path(folder), variables)
        try:
            yield server
        finally:
            server.end()


def _pss_kib(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
