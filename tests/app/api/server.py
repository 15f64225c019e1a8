"""A real server under test: `slipway serve`, or gunicorn, and an inference process."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.app.api.serve_thresholding import HOST, SUPERVISOR
from tests.app.serving.inference_process import wait_for
from tests.app.serving.model_folder import Models

ROOT = Path(__file__).parents[3]
SCRIPT = Path(__file__).with_name("serve_thresholding.py")

#: Marks a test that holds whichever server the application runs under; others are uWSGI's.
under_both = pytest.mark.parametrize("web_server", ["uwsgi", "gunicorn"], indirect=True)


def gunicorn_scripts() -> list[str]:
    """Return the scripts of docs/portability.md that run the application under gunicorn."""
    page = (ROOT / "docs" / "portability.md").read_text()
    section = page.partition("## gunicorn\n")[2].partition("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)


def in_root(script: str) -> list[str]:
    """Return the command that runs a script where it is meant to be run."""
    return ["sh", "-c", f"cd '{ROOT}'\n{script}"]


def command_of(web_server: str) -> list[str]:
    """Return what starts a web server with an inference process of a test's kind."""
    if web_server == "uwsgi":
        return [sys.executable, str(SCRIPT)]
    script = gunicorn_scripts()[0]
    assert script.count(SUPERVISOR) == 1
    return in_root(script.replace(SUPERVISOR, f"{SUPERVISOR} '{sys.executable}' '{HOST}'"))


@dataclass(frozen=True)
class Answer:
    """What came back over HTTP."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def free_port(first: int | None = None) -> int:
    """Return a port that nobody listens on, of the thousand from `first` on.

    It is below those that the system gives to clients, and each process of a test run has a
    thousand of its own: nothing takes it before the server does. Above 10 080 there is no port
    that browsers refuse to speak to (https://fetch.spec.whatwg.org/#bad-port).
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = first or 11_000 + 1000 * (worker % 16)
    for port in random.sample(range(first, first + 1000), 1000):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("", port))
            return port
    raise AssertionError(f"no port is free from {first} on")


class Server:
    """A server over `models`; its files are in `folder`.

    Without a `command` it is `slipway serve` with an inference process of a test's kind.
    """

    def __init__(
        self, folder: Path, models: Path, root: Path, *command: str, **variables: str
    ) -> None:
        self.is_killed = False
        """Whether a process of it was killed, which may have been writing a line of the log."""
        self.port = int(variables.get("PORT") or variables.get("AIP_HTTP_PORT") or free_port())
        self.url = f"http://127.0.0.1:{self.port}"
        self._out, self._err = folder / "out.jsonl", folder / "err.txt"
        environment = os.environ | {
            "PORT": str(self.port),
            "MODEL_REPOSITORY": str(models),
            "INFERENCE_SOCKET": str(folder / "inference.sock"),
            "PYTHONPATH": str(root),
            "PREDICTION_LOG": str(folder / "predictions.sqlite"),
            "TMPDIR": str(folder),
        }
        with self._out.open("wb") as out, self._err.open("wb") as err:
            # A group of its own, as a shell gives to a command: Ctrl-C reaches all of it.
            self.process = subprocess.Popen(
                [*(command or command_of("uwsgi"))],
                env=environment | variables,
                stdout=out,
                stderr=err,
                cwd=folder,
                start_new_session=True,
            )

    def ask(self, path: str, data: bytes | None = None, **headers: str) -> Answer:
        """Send a request, POST where there are data, and return whatever comes back."""
        request = urllib.request.Request(self.url + path, data, headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return Answer(response.status, dict(response.headers), response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())

    def predict(self, photo: bytes, query: str = "") -> Answer:
        """Send a photo as the body."""
        return self.ask(f"/predict{query}", photo, **{"Content-Type": "image/png"})

    def wait_until_ready(self, timeout_s: float = 20) -> None:
        wait_for(self.is_ready, "the server is ready", timeout_s)

    def is_ready(self) -> bool:
        try:
            return self.ask("/readyz").status == 200
        except OSError:
            return False

    def metric(self, name: str) -> float:
        """Return the first sample whose line begins with `name`."""
        answer = self.ask("/metrics")
        assert answer.status == 200, answer.body
        lines = answer.body.decode().splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(name))

    def await_in_flight(self, count: int) -> None:
        """Wait until so many requests are being handled."""
        wait_for(
            lambda: self.metric("slipway_http_requests_in_flight") == count,
            f"{count} requests are in flight",
        )

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the log's events of one name; every line has to be JSON."""
        lines = self._out.read_text().splitlines(keepends=True)
        events = [self._event(line) for line in lines if line.endswith("\n")]
        return [event for event in events if event.get("event") == name]

    def _event(self, line: str) -> dict[str, Any]:
        try:
            event: dict[str, Any] = json.loads(line)
        except ValueError:
            # SIGKILL may end the write of a line between two pages of the file.
            if not self.is_killed:
                raise
            return {}
        return event

    def spoken(self) -> str:
        """Return what it said to the person at the terminal."""
        return self._err.read_text()

    def inference_process(self) -> int:
        """Return the number of the newest inference process."""
        return int(self.events("inference_started")[-1]["process"])

    def family(self) -> set[int]:
        """Return the numbers of all its processes that run."""
        return {self.process.pid, *_descendants(self.process.pid)}

    def interrupt(self) -> None:
        """Press Ctrl-C: the terminal signals the whole group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self) -> int:
        """Tell it to end, and return its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            for process in self.family():
                os.kill(process, signal.SIGKILL)
            self.process.wait()
            raise


@contextlib.contextmanager
def one_model_served(folder: Path, root: Path) -> Iterator[Server]:
    """Run `slipway serve` over the model `street`, with its files in `folder`."""
    models = Models(folder / "models")
    models.add("street/1/street.h5")
    server = Server(folder, models.folder, root)
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.end()


def _descendants(process: int) -> set[int]:
    children = {
        int(child)
        for path in Path(f"/proc/{process}/task").glob("*/children")
        for child in path.read_text().split()
    }
    return children.union(*(_descendants(child) for child in children))


def is_running(process: int) -> bool:
    """Say whether a process runs; one that ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
