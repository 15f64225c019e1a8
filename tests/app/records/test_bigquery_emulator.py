"""The shipper beside BigQuery's emulator: the tables that Terraform makes, and what SQL says."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.records.row import SCHEMA
from tests.app.records.made import row
from tests.app.records.shipper_process import ShipperProcess
from tests.parts import told_by

pytestmark = pytest.mark.bigquery


class Emulator:
    """A dataset of its own in the emulator, asked over REST."""

    def __init__(self, url: str, project: str) -> None:
        self._root = f"{url}/bigquery/v2/projects/{project}"
        self.dataset, self.project = f"records_{time.time_ns()}", project
        reference = {"projectId": project, "datasetId": self.dataset}
        self._ask("/datasets", {"datasetReference": reference})

    def make(self, table: str, **what: Any) -> str:
        """Make a table or a view, and return its whole name."""
        reference = {"projectId": self.project, "datasetId": self.dataset, "tableId": table}
        self._ask(f"/datasets/{self.dataset}/tables", {"tableReference": reference, **what})
        return f"{self.project}.{self.dataset}.{table}"

    def select(self, query: str) -> list[list[Any]]:
        found = self._ask("/queries", {"query": query, "useLegacySql": False})
        return [[cell["v"] for cell in one["f"]] for one in found.get("rows", [])]

    def _ask(self, path: str, body: dict[str, Any]) -> Any:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self._root + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())


def test_rows_are_in_the_table_and_what_was_sent_twice_is_once_in_the_view(
    start_shipper: Callable[..., ShipperProcess], root: Path
):
    what = "a BigQuery emulator"
    storage = told_by("BIGQUERY_STORAGE_EMULATOR_HOST", what)
    emulator = Emulator(told_by("BIGQUERY_EMULATOR_HOST", what), "lab")
    columns = json.loads(SCHEMA.read_text())
    table = emulator.make("prediction", schema={"fields": columns})
    once = (SCHEMA.with_name("once.sql").read_text()).replace("${table}", table)
    once = once.replace("${key}", "prediction_id, instance_index")
    view = emulator.make("prediction_once", view={"query": once, "useLegacySql": False})
    shipper = start_shipper(BIGQUERY_TABLE=table, BIGQUERY_STORAGE_EMULATOR_HOST=storage)
    first = row(class_probabilities=np.array([0.25, 0.75]), brightness=None)
    second = row(prediction_id=first.prediction_id, instance_index=1, brightness=0.5)
    shipper.commit(first, second, row(class_probabilities=np.array([])))
    shipper.wait_until_shipped(timeout_s=60)
    # The position was not noted: a kill between the two.
    shipper.outbox.write("DELETE FROM shipping")
    shipper.kill()
    shipper.start()
    shipper.wait_until_shipped(timeout_s=60)
    assert emulator.select(f"SELECT count(*) FROM `{table}`") == [["6"]]
    told = (
        "SELECT instance_index, brightness, class_probabilities[SAFE_OFFSET(1)], "
        f"UNIX_MICROS(created_at) FROM `{view}` WHERE prediction_id = '{first.prediction_id}' "
        "ORDER BY instance_index"
    )
    assert emulator.select(told) == [
        ["0", None, "0.75", str(first.created_at)],
        ["1", "0.5", "0.7", str(second.created_at)],
    ]
    assert emulator.select(f"SELECT count(*) FROM `{view}`") == [["3"]]
