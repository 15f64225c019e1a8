"""A shipper, and what stands in for BigQuery."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.app.records.bigquery_double import BigQueryDouble
from tests.app.records.pod import Pod
from tests.app.records.shipper_process import ShipperProcess


@pytest.fixture
def bigquery() -> Iterator[BigQueryDouble]:
    """Return a BigQuery with the tables that Terraform makes."""
    double = BigQueryDouble()
    yield double
    double.stop()


@pytest.fixture
def to_bigquery(bigquery: BigQueryDouble) -> dict[str, str]:
    """Return the variables that send predictions there."""
    return {"BIGQUERY_TABLE": bigquery.table, "BIGQUERY_STORAGE_EMULATOR_HOST": bigquery.host}


@pytest.fixture
def start_shipper(tmp_path: Path, root: Path) -> Iterator[Callable[..., ShipperProcess]]:
    """Return a function that starts a shipper with variables."""
    made: list[ShipperProcess] = []

    def start(**variables: str) -> ShipperProcess:
        made.append(ShipperProcess(tmp_path, root, **variables))
        made[-1].start()
        return made[-1]

    yield start
    for shipper in made:
        shipper.close()


@pytest.fixture
def start_pod(tmp_path: Path, root: Path, bigquery: BigQueryDouble) -> Iterator[Callable[..., Pod]]:
    """Return a function that starts a server that ships to `bigquery`, or to a host before it."""
    pods: list[Pod] = []

    def start(host: str = "") -> Pod:
        pods.append(Pod(tmp_path, root, bigquery, host))
        return pods[-1]

    yield start
    for pod in pods:
        pod.end()
