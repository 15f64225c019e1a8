"""A real process under test: the inference process or its supervisor."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.serving.socket_client import SocketClient


def wait_for(condition: Callable[[], Any], what: str, timeout_s: float = 20) -> Any:
    """Return the condition's first true value."""
    give_up_at = time.monotonic() + timeout_s
    while time.monotonic() < give_up_at:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {timeout_s} s: {what}")


class InferenceProcess:
    """A real process under test: its log lines and the client of its socket."""

    def __init__(self, arguments: list[str], environment: dict[str, str], root: Path) -> None:
        self.log_path = Path(environment["MODEL_REPOSITORY"]).parent / "log.jsonl"
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *arguments],
                env=os.environ | {"PYTHONPATH": str(root)} | environment,
                stdout=log,
                cwd=self.log_path.parent,
            )
        self.client = SocketClient(
            Path(environment["INFERENCE_SOCKET"]),
            timeout_s=float(environment["INFERENCE_TIMEOUT_S"]),
        )

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the log's events of one name; every whole line has to be JSON."""
        lines = self.log_path.read_text().splitlines(keepends=True)
        events = [json.loads(line) for line in lines if line.endswith("\n")]
        return [event for event in events if event["event"] == name]

    def wait_until_ready(self) -> None:
        wait_for(self.client.is_ready, "the inference process is ready")

    def end(self) -> int:
        """Tell it to end, and return its exit status."""
        self.client.close()
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
