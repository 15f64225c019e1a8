"""A real shipper under test, over a log that the test writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from app.records.outbox import Outbox
from app.records.row import Row
from app.records.settings import RecordSettings
from tests.app.serving.inference_process import wait_for


class ShipperProcess:
    """The process, its log lines and the prediction log that it ships."""

    def __init__(self, folder: Path, root: Path, **variables: str) -> None:
        self._root, self._lines = root, folder / "shipper.jsonl"
        self.path = folder / "predictions.sqlite"
        self._environment = {"PREDICTION_LOG": str(self.path), **variables}
        self.settings = RecordSettings(
            bigquery_table=variables.get("BIGQUERY_TABLE"),
            sink=Path(variables["PREDICTION_SINK"]) if "PREDICTION_SINK" in variables else None,
        )
        self.outbox = Outbox(self.path, self.settings)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._lines.open("ab") as lines:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app.records.shipper"],
                env=os.environ | {"PYTHONPATH": str(self._root)} | self._environment,
                cwd=self.path.parent,
                stdout=lines,
            )

    def commit(self, *rows: Row) -> None:
        assert self.outbox.commit(rows, 5)

    def waiting(self, sink: str = "bigquery") -> int:
        """Return how many predictions the sink has not confirmed."""
        return self.outbox.state().sinks[sink].rows

    def wait_until_shipped(self, sink: str = "bigquery", timeout_s: float = 20) -> None:
        wait_for(lambda: self.waiting(sink) == 0, f"all is in {sink}", timeout_s)

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = self._lines.read_text().splitlines(keepends=True)
        events = [json.loads(line) for line in lines if line.endswith("\n")]
        return [event for event in events if event["event"] == name]

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        """Tell it to end, and return its exit status; the log is let go too."""
        assert self.process is not None
        self.process.terminate()
        try:
            return self.process.wait(20)
        finally:
            self.process.kill()
            self.process.wait()

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()
        self.outbox.close()
