"""Runs servers for a benchmark: `slipway serve`, with models or a tiny one, and others."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contender import ROOT


@dataclass(frozen=True)
class Running:
    """A server that runs."""

    port: int
    process: subprocess.Popen[bytes]


@contextlib.contextmanager
def running_server(models: Path | None, **variables: str) -> Iterator[int]:
    """Run `slipway serve` until the block ends; gives its port. Without models: the tiny one."""
    if models is None:
        with running_tiny(**variables) as server:
            yield server.port
        return
    variables["MODEL_REPOSITORY"] = str(models.absolute())
    with running([sys.executable, "-m", "app.cli", "serve"], **variables) as port:
        yield port


@contextlib.contextmanager
def running_tiny(**variables: str) -> Iterator[Running]:
    """Run `slipway serve` with a model that takes next to no time, until the block ends."""
    with tempfile.TemporaryDirectory() as models:
        (Path(models) / "tiny.h5").write_bytes(b"tiny")
        command = [sys.executable, "-m", "bench.run_tiny"]
        with _started(command, MODEL_REPOSITORY=models, **variables) as server:
            yield server


@contextlib.contextmanager
def running(command: Sequence[str], **variables: str) -> Iterator[int]:
    """Run a server that takes its port from $PORT until the block ends; gives its port."""
    with _started(command, **variables) as server:
        yield server.port


@contextlib.contextmanager
def _started(command: Sequence[str], **variables: str) -> Iterator[Running]:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, open(f"{folder}/log", "wb") as log:
        environment = os.environ | {"PORT": str(port), "TMPDIR": folder} | variables
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            _wait_until_ready(port)
            yield Running(port, server)
        finally:
            server.terminate()
            server.wait(120)


def _wait_until_ready(port: int) -> None:
    give_up_at = time.monotonic() + 180
    while time.monotonic() < give_up_at:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close()
            return
        time.sleep(0.3)
    raise SystemExit("the server did not become ready within 180 s")


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
