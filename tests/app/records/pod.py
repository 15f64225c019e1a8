"""A server that ships to a BigQuery, killed and started again as a pod is: its log stays."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.app.api.server import Server, free_port, is_running
from tests.app.api.test_crash import Processes
from tests.app.records.bigquery_double import BigQueryDouble
from tests.app.serving.inference_process import wait_for
from tests.app.serving.model_folder import Models

#: What can be killed; the last three take the whole server with them.
PARTS = ("worker", "inference", "shipper", "nginx's worker", "nginx", "uWSGI", "supervisor")
_WHOLE = PARTS[-3:]


class Pod:
    """A server over a model that finds what is bright, with its files in `folder`."""

    def __init__(self, folder: Path, root: Path, bigquery: BigQueryDouble, host: str = "") -> None:
        self._folder, self._root = folder, root
        models = Models(folder / "models")
        models.add("street/1/street.h5")
        self._models = models.folder
        self.bigquery, self.port = bigquery, free_port()
        self._variables = {
            "PORT": str(self.port),
            "BIGQUERY_TABLE": bigquery.table,
            "BIGQUERY_STORAGE_EMULATOR_HOST": host or bigquery.host,
        }
        #: Why rows were not put on record, as the logs of all starts tell it.
        self.lost: list[str] = []
        self.start()

    def start(self) -> None:
        self.server = Server(self._folder, self._models, self._root, **self._variables)
        self.server.wait_until_ready(60)

    def __enter__(self) -> Pod:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.server.end()

    def end(self) -> int:
        """End the server, and return its exit status."""
        status = self.server.end()
        self._note_losses()
        return status

    def _note_losses(self) -> None:
        for name in ("predictions_not_recorded", "prediction_log_failed", "prediction_log_damaged"):
            self.lost += [f"{name}: {event}" for event in self.server.events(name)]

    def shipper(self) -> int:
        """Return the number of the newest shipper."""
        return int(self.server.events("shipper_started")[-1]["process"])

    def kill(self, part: str) -> None:
        """Kill a part, and wait until predictions are answered again."""
        # One that was killed a moment ago may not be there again.
        victim = int(wait_for(lambda: self._running(part), f"there is a {part}", 60))
        family = self.server.family()
        self.server.is_killed = True
        os.kill(victim, signal.SIGKILL)
        if part in _WHOLE:
            self.server.process.wait(60)
            self._note_losses()
            wait_for(lambda: not any(map(is_running, family)), "all of it has ended", 60)
            self.start()
            return
        wait_for(lambda: not is_running(victim), "it is dead")
        self.server.wait_until_ready(60)

    def _running(self, part: str) -> int:
        """Return the number of a part's process; 0 where it is just not there."""
        try:
            process = self._process(part)
        except (KeyError, IndexError, ValueError, OSError):
            return 0
        return process if is_running(process) else 0

    def _process(self, part: str) -> int:
        if part == "supervisor":
            return self.server.process.pid
        if part == "inference":
            return self.server.inference_process()
        if part == "shipper":
            return self.shipper()
        found = Processes.of(self.server)
        return {
            "worker": min(filter(is_running, found.workers)),
            "nginx's worker": found.front,
            "nginx": found.nginx,
            "uWSGI": found.uwsgi,
        }[part]

    def logged(self) -> list[tuple[str, int]]:
        """Return what is on record, in the order of commits."""
        return self._found("SELECT prediction_id, instance_index FROM predictions ORDER BY seq")

    def written(self) -> int:
        """Return the place of the newest row on record."""
        return int(self._found("SELECT coalesce(max(seq), 0) FROM predictions")[0][0])

    def confirmed(self) -> int:
        """Return the place up to which BigQuery has confirmed rows."""
        query = "SELECT coalesce(max(position), 0) FROM shipping WHERE source = 'predictions'"
        return int(self._found(query)[0][0])

    def _found(self, query: str) -> list[Any]:
        connection = sqlite3.connect(self._folder / "predictions.sqlite")
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()


def check(pod: Pod, answered: Mapping[str, int]) -> None:
    """Every answer is on record once, and all that is on record is in BigQuery once, in order."""
    logged, bigquery = pod.logged(), pod.bigquery
    assert len(logged) == len(set(logged)), "a row is on record twice"
    on_record: dict[str, list[int]] = {}
    for prediction, index in logged:
        on_record.setdefault(prediction, []).append(index)
    wanted = {prediction: list(range(rows)) for prediction, rows in answered.items()}
    missing = [one for one, rows in wanted.items() if on_record.get(one) != rows]
    told = f"{len(missing)} of {len(wanted)} answers are not on record: {missing[:20]} {pod.lost}"
    assert not missing, told
    sent = [
        (row["prediction_id"], row["instance_index"] or 0) for row in bigquery.rows[bigquery.table]
    ]
    assert set(sent) == set(logged), "BigQuery has other rows than the log"
    assert list(dict.fromkeys(sent)) == logged, "BigQuery has them in another order"
    assert len(bigquery.once()) == len(logged)
