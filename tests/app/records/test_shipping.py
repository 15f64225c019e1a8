"""The shipper: what is on record is in BigQuery soon after, whatever BigQuery does meanwhile."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.app.records.bigquery_double import BigQueryDouble
from tests.app.records.made import row
from tests.app.records.shipper_process import ShipperProcess
from tests.app.serving.inference_process import wait_for

Start = Callable[..., ShipperProcess]


def test_what_is_committed_is_in_bigquery_within_seconds_field_for_field(
    bigquery: BigQueryDouble, to_bigquery: dict[str, str], start_shipper: Start
):
    shipper = start_shipper(**to_bigquery)
    first = row(class_probabilities=np.array([0.1, 1 / 3, 0.6]), brightness=None)
    shipper.commit(first, row(prediction_id=first.prediction_id, instance_index=1))
    shipper.wait_until_shipped()
    began_at = time.monotonic()
    shipper.commit(row(class_probabilities=np.array([])))
    wait_for(lambda: len(bigquery.rows[bigquery.table]) == 3, "the third is there")
    assert time.monotonic() - began_at < 2
    assert bigquery.rows[bigquery.table][0] == {
        "prediction_id": first.prediction_id,
        "model_version": "3",
        "input_shape": "60x80x3",
        "predicted_class": 1,
        "class_probabilities": [0.1, 1 / 3, 0.6],
        "created_at": first.created_at,
        "processing_time_ms": 4.5,
        "model_name": "street",
        "request_id": "request",
        "instance_index": 0,
    }
    assert os.getpriority(os.PRIO_PROCESS, shipper.process.pid) == min(19, os.nice(0) + 10)


def test_feedback_is_sent_to_a_table_of_its_own(
    bigquery: BigQueryDouble, to_bigquery: dict[str, str], start_shipper: Start
):
    shipper = start_shipper(**to_bigquery)
    shipper.outbox.write(
        "INSERT INTO feedback (prediction_id, created_at, truth, truth_class, agrees, request_id)"
        " VALUES ('p', 1700000000000000, '{\"class\":2}', 2, 0, 'r')"
    )
    rows = bigquery.rows[f"{bigquery.table}_feedback"]
    wait_for(lambda: rows, "it is there")
    assert rows == [
        {
            "prediction_id": "p",
            "created_at": 1700000000000000,
            "truth": '{"class":2}',
            "truth_class": 2,
            "agrees": False,
            "request_id": "r",
        }
    ]


def test_a_stream_that_was_closed_while_it_was_idle_costs_no_row_and_no_word(
    bigquery: BigQueryDouble, to_bigquery: dict[str, str], start_shipper: Start
):
    shipper = start_shipper(**to_bigquery)
    shipper.commit(row())
    shipper.wait_until_shipped()
    bigquery.close_streams()
    shipper.commit(row())
    shipper.wait_until_shipped()
    bigquery.idle_s = 0.1
    time.sleep(0.2)
    shipper.commit(row())
    shipper.wait_until_shipped()
    assert len(bigquery.rows[bigquery.table]) == len(bigquery.once()) == 3
    assert bigquery.streams == 3
    assert shipper.events("shipping_failed") == []


def test_a_shipper_that_is_killed_and_started_again_leaves_out_no_row(
    bigquery: BigQueryDouble, to_bigquery: dict[str, str], start_shipper: Start
):
    bigquery.delay_s = 0.5
    shipper = start_shipper(**to_bigquery)
    rows = [row() for _ in range(4500)]
    shipper.commit(*rows)
    wait_for(lambda: bigquery.appends, "it has begun")
    shipper.kill()
    bigquery.delay_s = 0
    shipper.start()
    shipper.wait_until_shipped()
    found = bigquery.once()
    assert list(found) == [(one.prediction_id, 0) for one in rows]
    assert len(bigquery.rows[bigquery.table]) > len(found), "nothing was sent twice"


def test_rows_that_bigquery_does_not_take_are_set_aside_and_the_others_go_on(
    bigquery: BigQueryDouble, to_bigquery: dict[str, str], start_shipper: Start
):
    bigquery.is_bad = lambda row: "bad model" if row["model_name"] == "bad" else None
    shipper = start_shipper(**to_bigquery)
    bad, late = row(model_name="bad"), row(created_at=2**62)
    shipper.commit(row(), bad, row(), late, row())
    shipper.wait_until_shipped()
    shipper.commit(bad)
    shipper.wait_until_shipped()
    assert len(bigquery.rows[bigquery.table]) == 3
    told = shipper.events("row_refused")
    assert [(event["prediction_id"], event["reason"]) for event in told] == [
        (bad.prediction_id, "bad model"),
        (late.prediction_id, f"created_at: {2**62} is out of range"),
        (bad.prediction_id, "bad model"),
    ]
    with shipper.outbox.read() as connection:
        kept = connection.execute("SELECT seq, row FROM refused ORDER BY seq").fetchall()
    assert [(seq, json.loads(text)["prediction_id"]) for seq, text in kept] == [
        (2, bad.prediction_id),
        (4, late.prediction_id),
        (6, bad.prediction_id),
    ]


def test_a_table_that_does_not_fit_is_named_with_what_mends_it_and_gets_all_rows_then(
    bigquery: BigQueryDouble, to_bigquery: dict[str, str], start_shipper: Start
):
    ours = bigquery.tables[bigquery.table]
    bigquery.tables[bigquery.table] = [
        *(column for column in ours if column["name"] not in ("brightness", "instance_index")),
        {"name": "tenant", "type": "STRING", "mode": "REQUIRED"},
        {"name": "region", "type": "STRING", "mode": "NULLABLE"},
    ]
    shipper = start_shipper(**to_bigquery)
    shipper.commit(*[row() for _ in range(3)])
    (failure,) = wait_for(lambda: shipper.events("shipping_failed"), "it is told")
    alter = f"ALTER TABLE `{bigquery.table}`"
    assert failure["severity"] == "ERROR"
    assert failure["error"] == (
        f"{bigquery.table}: it has no column instance_index: {alter} ADD COLUMN instance_index "
        f"INT64; it has no column brightness: {alter} ADD COLUMN brightness FLOAT64; it has a "
        f"column tenant that is REQUIRED and that rows do not have: {alter} ALTER COLUMN tenant "
        "DROP NOT NULL"
    )
    assert shipper.waiting() == 3
    bigquery.tables[bigquery.table] = [
        *ours,
        {"name": "tenant", "type": "STRING", "mode": "NULLABLE"},
    ]
    shipper.wait_until_shipped()
    assert len(bigquery.once()) == len(bigquery.rows[bigquery.table]) == 3
    assert shipper.events("shipping_recovered")


def test_a_table_that_is_changed_between_two_appends_loses_nothing(
    bigquery: BigQueryDouble, to_bigquery: dict[str, str], start_shipper: Start
):
    ours = bigquery.tables[bigquery.table]
    shipper = start_shipper(**to_bigquery)
    shipper.commit(row())
    shipper.wait_until_shipped()
    bigquery.tables[bigquery.table] = [
        *ours,
        {"name": "region", "type": "STRING", "mode": "NULLABLE"},
    ]
    shipper.commit(row())
    shipper.wait_until_shipped()
    (newer,) = shipper.events("bigquery_table_has_new_columns")
    assert newer["columns"] == ["region"]
    bigquery.tables[bigquery.table] = ours[:-1]
    shipper.commit(row())
    (older,) = wait_for(lambda: shipper.events("shipping_failed"), "it is told")
    assert "no column brightness" in older["error"]
    del bigquery.tables[bigquery.table]
    wait_for(lambda: "NOT_FOUND" in shipper.events("shipping_failed")[-1]["error"], "it is gone")
    bigquery.tables[bigquery.table] = ours
    shipper.wait_until_shipped()
    assert len(bigquery.once()) == 3


def test_a_shipper_that_is_told_to_end_sends_what_is_there_first(
    bigquery: BigQueryDouble, to_bigquery: dict[str, str], start_shipper: Start
):
    bigquery.delay_s = 0.3
    shipper = start_shipper(**to_bigquery)
    shipper.commit(*[row() for _ in range(6000)])
    wait_for(lambda: bigquery.appends, "it has begun")
    shipper.commit(row())
    assert shipper.end() == 0
    assert len(bigquery.once()) == 6001
    (event,) = shipper.events("predictions_left")
    assert (event["rows"], event["severity"]) == (0, "INFO")


@pytest.mark.slow
def test_a_shipper_that_ends_while_bigquery_is_away_says_how_many_rows_stay(
    bigquery: BigQueryDouble, to_bigquery: dict[str, str], start_shipper: Start
):
    bigquery.stop()
    shipper = start_shipper(**to_bigquery)
    shipper.commit(*[row() for _ in range(7)])
    wait_for(lambda: shipper.events("shipping_failed"), "it is told")
    began_at = time.monotonic()
    assert shipper.end() == 0
    assert time.monotonic() - began_at < 10
    (event,) = shipper.events("predictions_left")
    assert (event["rows"], event["severity"]) == (7, "WARNING")
    assert event["file"] == str(shipper.path)


def test_a_sink_that_needs_what_is_not_installed_is_named_at_the_start(tmp_path: Path):
    from app.records.settings import RecordSettings
    from app.records.shipper.drivers import missing_driver

    settings = RecordSettings(prediction_log=tmp_path / "log", sink="az://bucket/folder")
    assert missing_driver(settings) == (
        "PREDICTION_SINK is set, and needs adlfs, which is not installed; ./setup.sh records "
        "installs it, docker build --build-arg RECORDS=yes makes an image with it"
    )
