"""Predictions as Parquet, a folder a day: whole files that any reader opens, each row once."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow.dataset
import pyarrow.fs
import pytest

from app.records.outbox import Outbox
from app.records.settings import RecordSettings
from app.records.shipper.files import Files
from app.records.shipper.source import PREDICTIONS
from tests.app.records.bigquery_double import BigQueryDouble
from tests.app.records.made import row
from tests.app.records.shipper_process import ShipperProcess
from tests.app.serving.inference_process import wait_for

_DAY_US = 86_400_000_000


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1e6)


def test_files_and_bigquery_each_have_all_rows_and_one_waits_for_no_other(
    bigquery: BigQueryDouble,
    to_bigquery: dict[str, str],
    start_shipper: Callable[..., ShipperProcess],
    tmp_path: Path,
):
    folder = tmp_path / "sink"
    shipper = start_shipper(**to_bigquery, PREDICTION_SINK=str(folder))
    # A minute old: files are not made for every row.
    old = time.time_ns() // 1000 - 61_000_000
    first = row(created_at=old, class_probabilities=np.array([0.1, 1 / 3]), brightness=None)
    table = bigquery.tables.pop(bigquery.table)
    shipper.commit(first, *[row(created_at=old) for _ in range(9)])
    shipper.wait_until_shipped("files")
    assert shipper.waiting("bigquery") == 10
    bigquery.tables[bigquery.table] = table
    shipper.commit(row())
    shipper.wait_until_shipped("bigquery")
    # What is young is written at the end.
    assert shipper.waiting("files") == 1
    shipper.end()
    found = pyarrow.dataset.dataset(folder / "predictions", partitioning="hive").to_table()
    rows = found.sort_by("prediction_id").to_pylist()
    assert len(rows) == 11
    told = next(one for one in rows if one["prediction_id"] == first.prediction_id)
    assert told["class_probabilities"] == [0.1, 1 / 3]
    assert told["brightness"] is None
    assert told["created_at"].timestamp() * 1e6 == pytest.approx(old)
    assert str(told["day"]) == told["created_at"].strftime("%Y-%m-%d")


def where(place: Path | str) -> dict[str, Any]:
    """Return where a reader finds the files of predictions."""
    if isinstance(place, Path):
        return {"source": place / "predictions"}
    files, root = fsspec.url_to_fs(place)
    handler = pyarrow.fs.PyFileSystem(pyarrow.fs.FSSpecHandler(files))
    return {"source": f"{root}/predictions", "filesystem": handler}


@pytest.mark.parametrize("is_bucket", [False, True], ids=["folder", "bucket"])
def test_a_batch_that_is_sent_again_with_more_behind_it_takes_its_own_place(
    tmp_path: Path, is_bucket: bool
):
    """It was written and its position not noted: a kill between the two."""
    outbox = Outbox(tmp_path / "log.sqlite", RecordSettings())
    place = f"memory://{tmp_path.name}" if is_bucket else tmp_path / "sink"
    sink = Files(place, "predictions", PREDICTIONS.columns())
    before, after = moment("2026-02-28T23:59:59"), moment("2026-03-01T00:00:00")
    outbox.commit([row(created_at=before), row(created_at=after)], 5)
    sink.send(PREDICTIONS.batch(outbox, "files", sink.pace))
    outbox.commit([row(created_at=after + 1)], 5)
    sink.send(PREDICTIONS.batch(outbox, "files", sink.pace))
    outbox.close()
    found = pyarrow.dataset.dataset(**where(place))
    assert sorted(path.split("/")[-2] for path in found.files) == [
        "day=2026-02-28",
        "day=2026-03-01",
    ]
    assert found.count_rows() == 3


def test_a_folder_that_cannot_be_written_is_named_and_gets_all_rows_later(
    start_shipper: Callable[..., ShipperProcess], tmp_path: Path
):
    (tmp_path / "sink").write_text("a file in the place of the folder")
    shipper = start_shipper(PREDICTION_SINK=str(tmp_path / "sink"))
    shipper.commit(row(created_at=time.time_ns() // 1000 - _DAY_US))
    (failure,) = wait_for(lambda: shipper.events("shipping_failed"), "it is told")
    assert str(tmp_path / "sink") in failure["error"]
    (tmp_path / "sink").unlink()
    shipper.wait_until_shipped("files")
    assert len(list((tmp_path / "sink" / "predictions").glob("day=*/*.parquet"))) == 1
    assert list((tmp_path / "sink").rglob("*.part")) == []
