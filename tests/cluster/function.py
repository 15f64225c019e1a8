"""`onNewImage` in a process of its own, in the server that Cloud Functions runs."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.app.api.server import free_port

_SOURCE = Path(__file__).resolve().parents[2] / "cloud_function" / "main.py"
_START_LIMIT_S = 60
#: More than the messages that any test has in flight: none waits for another's rollout.
_THREADS = 32


class Function:
    """The process; `with Function(…) as function:`."""

    def __init__(self, log: Path, environment: Mapping[str, str]) -> None:
        self._log = log
        self._environment = {"THREADS": str(_THREADS), **environment}
        self.port = free_port()

    def __enter__(self) -> Function:
        self._start()
        return self

    def _start(self) -> None:
        command = [str(Path(sys.executable).parent / "functions-framework")]
        command += ["--source", str(_SOURCE), "--target", "onNewImage"]
        command += ["--signature-type", "cloudevent", "--host", "127.0.0.1"]
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(
                [*command, "--port", str(self.port)],
                env=os.environ | self._environment,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_LIMIT_S
        while not is_open(self.port):
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.1)

    def die_and_start_anew(self) -> None:
        """Kill the server and all that it started, without a word to any, and start another."""
        self._die()
        self._start()

    def __exit__(self, *_: object) -> None:
        # In peace it would wait for the connections that Pub/Sub keeps.
        self._die()

    def _die(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def lines(self, event: str, **fields: str) -> list[dict[str, Any]]:
        """Return the log's lines of that event whose fields have these values."""
        wanted = {"event": event, **fields}
        return [line for line in self._lines() if wanted.items() <= line.items()]

    def says(self, words: str) -> bool:
        """Tell whether a message in the log has these words."""
        return any(words in line["message"] for line in self._lines())

    def _lines(self) -> list[dict[str, Any]]:
        # What is no JSON is the server's own; a line without its end is still being written.
        whole = self._log.read_text().rpartition("\n")[0].splitlines()
        return [json.loads(text) for text in whole if text.startswith("{")]


def is_open(port: int) -> bool:
    """Tell whether somebody listens on a port of this machine."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
