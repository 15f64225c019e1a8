"""What is on record of what was answered, whichever protocol asked, and what that costs."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.records.database import reading
from app.records.errors import REASONS
from app.records.outbox import Outbox
from tests.app.api.server import Server
from tests.app.serving.model_folder import Models

PNG = {"Content-Type": "image/png"}


@pytest.fixture
def rows(tmp_path: Path) -> Callable[[], list[dict[str, Any]]]:
    """Return a function that reads the log, as people see it."""

    def read() -> list[dict[str, Any]]:
        with reading(tmp_path / "predictions.sqlite") as connection:
            cursor = connection.execute("SELECT * FROM predictions ORDER BY seq")
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, values, strict=True)) for values in cursor]

    return read


def test_each_instance_of_a_picture_is_a_row_and_a_picture_without_any_is_one_of_the_background(
    client: FlaskClient, photo: bytes, rows
):
    answer = client.post("/predict", data=photo, headers={"X-Request-ID": "mine"})
    found = answer.get_json()
    nothing = client.post("/predict?min_score=1", data=photo).get_json()
    assert len(found["instances"]) == 2
    assert nothing["instances"] == []
    *instances, empty = rows()
    for index, (row, instance) in enumerate(zip(instances, found["instances"], strict=True)):
        assert row["prediction_id"] == found["prediction_id"]
        assert row["instance_index"] == index
        assert row["predicted_class"] == instance["class_id"]
        detail = json.loads(row["detail"])
        assert (detail["label"], detail["box"]) == (instance["label"], instance["box"])
        assert detail["score"] == pytest.approx(instance["score"], abs=1e-6)
        assert (row["model_name"], row["model_version"]) == ("street", "1")
        assert (row["request_id"], row["input_shape"]) == ("mine", "60x80x3")
        assert 0 < row["brightness"] < 0.2
        assert row["processing_time_ms"] > 0
    assert empty["prediction_id"] == nothing["prediction_id"]
    assert (empty["predicted_class"], empty["class_probabilities"]) == (0, "[]")


def test_every_protocol_tells_the_ids_under_which_its_answer_is_on_record(
    arithmetic: Models, client: FlaskClient, photo: bytes, rows
):
    picture = base64.b64encode(photo).decode()
    asked = [
        client.post("/predict?model=street&render=png", data=photo),
        client.post("/predict?model=street&format=coco", data=photo),
        client.post("/v1/models/street:predict", json={"instances": [{"b64": picture}] * 2}),
        client.post("/v1/models/half_plus_two:predict", json={"instances": [1.0, 2.0, 5.0]}),
        client.post(
            "/v2/models/half_plus_two/infer",
            json={"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": [3.0]}]},
        ),
    ]
    assert [answer.status_code for answer in asked] == [200] * 5, [one.data for one in asked]
    told = [answer.headers["X-Prediction-ID"].split(", ") for answer in asked]
    assert [len(ids) for ids in told] == [1, 1, 2, 3, 1]
    on_record = dict.fromkeys(row["prediction_id"] for row in rows())
    assert list(on_record) == [one for ids in told for one in ids]
    numbers = [row for row in rows() if row["model_name"] == "half_plus_two"]
    assert [row["predicted_class"] for row in numbers] == [-1] * 4
    assert [json.loads(row["class_probabilities"]) for row in numbers] == [
        [2.5],
        [3.0],
        [4.5],
        [3.5],
    ]


def test_what_is_refused_is_not_on_record(client: FlaskClient, photo: bytes, rows):
    assert client.post("/predict", data=photo).status_code == 200
    before = rows()
    assert client.post("/predict", data=b"no picture").status_code == 415
    body = {"instances": [{"b64": base64.b64encode(photo).decode()}, {"b64": "AAAA"}]}
    assert client.post("/predict", json=body).status_code == 415
    assert rows() == before


def test_with_the_log_off_predictions_are_as_ever(
    start_app: Callable[..., Flask], photo: bytes, tmp_path: Path
):
    client = start_app(PREDICTION_LOG="off").test_client()
    assert client.post("/predict", data=photo).get_json()["prediction_id"]
    assert not (tmp_path / "predictions.sqlite").exists()


def test_a_log_that_cannot_be_written_costs_no_prediction_and_is_told_once_and_counted(
    start_app: Callable[..., Flask],
    photo: bytes,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
):
    (tmp_path / "file").write_text("no folder")
    client = start_app(PREDICTION_LOG=str(tmp_path / "file" / "predictions.sqlite")).test_client()
    text = client.get("/metrics").text
    for reason in REASONS:
        assert f'slipway_prediction_log_rows_lost_total{{reason="{reason}"}} 0.0' in text
    for _ in range(5):
        assert client.post("/predict", data=photo).status_code == 200
    text = client.get("/metrics").text
    assert 'slipway_prediction_log_rows_lost_total{reason="failed"} 10.0' in text
    messages = [record.msg for record in caplog.records]
    assert messages.count("predictions_not_recorded") == 1


@pytest.mark.parametrize(("when_full", "status"), [("drop", 200), ("refuse", 503)])
def test_what_a_full_log_does_to_requests_is_a_setting(
    start_app: Callable[..., Flask], photo: bytes, when_full: str, status: int
):
    app = start_app(
        PREDICTION_LOG_ROWS="1000",
        PREDICTION_LOG_FULL=when_full,
        BIGQUERY_TABLE="project.dataset.prediction",
    )
    client = app.test_client()
    assert client.post("/predict", data=photo).status_code == 200
    records: Outbox = app.extensions["slipway"].records
    full = records.after(0, 1)[0].row
    records.commit([full] * 1000, 5)
    records.close()
    answer = client.post("/predict", data=photo)
    assert answer.status_code == status
    if status == 503:
        assert answer.get_json()["type"] == "/problems/log-full"
        assert int(answer.headers["Retry-After"]) > 0
        assert "PREDICTION_LOG_FULL" in answer.get_json()["detail"]
    text = client.get("/metrics").text
    assert 'slipway_prediction_log_rows_lost_total{reason="full"}' in text
    assert 'slipway_prediction_log_waiting_rows{sink="bigquery"} 1002.0' in text


@pytest.mark.server
def test_all_workers_of_a_server_write_one_log(
    start_server: Callable[..., Server], photo: bytes, rows
):
    server = start_server(HTTP_PROCESSES="3")
    told = [
        json.loads(server.ask("/predict", photo, **PNG).body)["prediction_id"] for _ in range(40)
    ]
    assert {row["prediction_id"] for row in rows()} == set(told)
    text = server.ask("/metrics").body.decode()
    assert "slipway_prediction_log_rows_written_total 80.0" in text
