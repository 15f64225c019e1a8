"""`/predictions`: what was predicted can be asked for, followed, handed out and erased."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.api.predictions.parameters import cursor_of
from app.ids import new_id
from app.records.outbox import Outbox
from app.records.row import Row
from app.records.settings import RecordSettings
from tests.app.records.made import row

MINUTE_US = 60_000_000
START_US = 1_772_366_400_000_000  # 2026-03-01T12:00:00Z


@pytest.fixture
def open_app(start_app: Callable[..., Flask]) -> Flask:
    return start_app(PREDICTIONS="open", BIGQUERY_TABLE="project.dataset.predictions")


@pytest.fixture
def client(open_app: Flask) -> FlaskClient:
    return open_app.test_client()


@pytest.fixture
def fill(tmp_path: Path) -> Callable[..., None]:
    """Return a function that puts rows on record, as a worker does."""
    records = Outbox(tmp_path / "predictions.sqlite", RecordSettings())

    def fill(*rows: Row) -> None:
        assert records.commit(rows, 5)

    return fill


def minutes(count: int) -> list[Row]:
    """Return a row a minute, of scores that rise to 1, with another class each."""
    return [
        row(
            created_at=START_US + index * MINUTE_US,
            predicted_class=index % 3,
            request_id=f"request-{index}",
            detail=json.dumps({"label": "abc"[index % 3], "score": (index + 1) / count}),
        )
        for index in range(count)
    ]


def ids(answer: Any) -> list[str]:
    return [one["prediction_id"] for one in answer.get_json()["predictions"]]


def test_what_was_predicted_can_be_asked_for(client: FlaskClient, photo: bytes):
    assert client.get("/predictions").get_json() == {
        "predictions": [],
        "next": None,
        "newest": cursor_of(0),
    }
    answered = client.post("/predict", data=photo, content_type="image/png").get_json()
    listed = client.get("/predictions").get_json()["predictions"]
    assert [one["prediction_id"] for one in listed] == [answered["prediction_id"]] * 2
    second, first = listed
    instance = answered["instances"][0]
    assert (first["label"], first["predicted_class"], first["instance_index"]) == ("red", 1, 0)
    assert first["score"] == pytest.approx(instance["score"])
    assert (first["input_shape"], first["model_name"]) == ("60x80x3", "street")
    assert second["agrees"] is None
    shown = client.get(f"/predictions/{answered['prediction_id']}").get_json()
    assert [one["detail"]["box"] for one in shown["rows"]] == [
        one["box"] for one in answered["instances"]
    ]


def test_pages_lead_from_the_newest_row_to_the_oldest_while_others_are_written(
    client: FlaskClient, fill: Callable[..., None]
):
    rows = minutes(7)
    fill(*rows)
    address, seen = "/predictions?limit=3&model=street", []
    for _ in range(3):
        answer = client.get(address)
        seen += ids(answer)
        fill(row())
        address = answer.headers.get("Link", "").partition(">")[0].lstrip("<")
    assert seen == [one.prediction_id for one in reversed(rows)]
    assert address == ""
    assert answer.get_json()["next"] is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param("class=2", [2, 5], id="class"),
        pytest.param("label=b", [1, 4], id="label"),
        pytest.param("since=2026-03-01T12:04:00Z", [4, 5], id="since"),
        pytest.param("since=2026-03-01T14:04:00%2B02:00", [4, 5], id="since elsewhere"),
        pytest.param("until=2026-03-01T12:01:00.5Z", [0, 1], id="until"),
        pytest.param("min_score=0.5&max_score=0.7", [2, 3], id="score"),
        pytest.param("request_id=request-3", [3], id="request"),
        pytest.param("class=0&min_score=0.5", [3], id="both"),
        pytest.param("model=lane", [], id="model"),
        pytest.param("version=4", [], id="version"),
    ],
)
def test_rows_are_filtered(
    client: FlaskClient, fill: Callable[..., None], query: str, found: list[int]
):
    rows = minutes(6)
    fill(*rows)
    expected = [rows[index].prediction_id for index in reversed(found)]
    assert ids(client.get(f"/predictions?{query}")) == expected
    assert client.get(f"/predictions:summary?{query}").get_json()["rows"] == len(found)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        pytest.param("modle=street", "modle", id="unknown"),
        pytest.param("model=a&model=b", "model", id="twice"),
        pytest.param("limit=1001", "limit", id="limit"),
        pytest.param("since=yesterday", "since", id="time"),
        pytest.param("until=2026-02-30T00:00:00Z", "until", id="no such day"),
        pytest.param("cursor=1", "cursor", id="cursor"),
        pytest.param("min_score=1.5", "min_score", id="score"),
        pytest.param("prediction_id=7", "prediction_id", id="id"),
        pytest.param("format=xml", "format", id="format"),
        pytest.param("wait_s=21", "wait_s", id="wait"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_name(client: FlaskClient, query: str, field: str):
    problem = client.get(f"/predictions?{query}")
    assert (problem.status_code, problem.get_json()["field"]) == (400, field)


@pytest.mark.parametrize("method", ["get", "delete"])
def test_what_is_no_id_of_a_prediction_is_not_found(client: FlaskClient, method: str):
    assert getattr(client, method)("/predictions/7").status_code == 404


def test_a_whole_log_is_handed_out_as_lines_or_as_a_table(
    client: FlaskClient, fill: Callable[..., None]
):
    rows = minutes(2500)
    fill(*rows)
    lines = client.get("/predictions", headers={"Accept": "application/x-ndjson"})
    read = [json.loads(line) for line in lines.data.splitlines()]
    assert [one["prediction_id"] for one in read] == [one.prediction_id for one in reversed(rows)]
    assert client.get("/predictions?format=ndjson&limit=2").data.count(b"\n") == 2
    table = client.get("/predictions?format=csv")
    assert table.content_type == "text/csv; charset=utf-8"
    cells = [*csv.DictReader(io.StringIO(table.text))]
    assert len(cells) == 2500
    assert cells[0]["created_at"] == read[0]["created_at"] == "2026-03-03T05:39:00.000000Z"
    assert json.loads(cells[0]["class_probabilities"]) == [0.1, 0.7, 0.2]


def test_a_whole_log_is_handed_out_as_parquet(client: FlaskClient, fill: Callable[..., None]):
    from pyarrow import parquet

    fill(*minutes(1200))
    read = parquet.read_table(io.BytesIO(client.get("/predictions?format=parquet").data))
    assert read.num_rows == 1200
    assert read["class_probabilities"][0].as_py() == [0.1, 0.7, 0.2]
    assert read["created_at"][-1].as_py().isoformat() == "2026-03-01T12:00:00+00:00"


def test_a_server_that_cannot_write_parquet_says_what_to_install(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "pyarrow" else find(name)
    )
    problem = client.get("/predictions?format=parquet")
    assert problem.status_code == 406
    assert "pip install pyarrow" in problem.get_json()["detail"]


def test_who_follows_the_log_gets_a_row_as_it_is_committed(
    client: FlaskClient, fill: Callable[..., None]
):
    fill(row())
    newest = client.get("/predictions").get_json()["newest"]
    coming = row()
    timer = threading.Timer(0.3, fill, [coming])
    timer.start()
    start = time.monotonic()
    answer = client.get(f"/predictions?after={newest}&wait_s=20")
    timer.join()
    assert time.monotonic() - start < 5
    assert ids(answer) == [coming.prediction_id]
    newest = answer.get_json()["newest"]
    again = client.get(f"/predictions?after={newest}&wait_s=0.1")
    assert (ids(again), again.get_json()["newest"]) == ([], newest)


def test_who_has_fallen_behind_gets_what_was_missed_in_order(
    client: FlaskClient, fill: Callable[..., None]
):
    rows = minutes(5)
    fill(*rows)
    newest, seen = cursor_of(0), []
    for _ in range(3):
        answer = client.get(f"/predictions?after={newest}&limit=2&wait_s=1")
        seen += ids(answer)
        newest = answer.get_json()["newest"]
    assert seen == [one.prediction_id for one in rows]


def test_those_who_wait_leave_threads_for_others(open_app: Flask, fill: Callable[..., None]):
    fill(row())
    answers: list[TestResponse] = []
    all_ask = threading.Barrier(7)

    def follow() -> None:
        all_ask.wait()
        address = f"/predictions?after={cursor_of(1)}&wait_s=1"
        answers.append(open_app.test_client().get(address))

    waiting = [threading.Thread(target=follow) for _ in range(6)]
    for thread in waiting:
        thread.start()
    all_ask.wait()
    assert open_app.test_client().get("/predictions").status_code == 200
    for thread in waiting:
        thread.join()
    assert sorted(one.status_code for one in answers) == [200] * 4 + [429] * 2
    assert {one.headers["Retry-After"] for one in answers if one.status_code == 429} == {"1"}
    assert open_app.test_client().get("/predictions?wait_s=0.01").status_code == 200


def test_a_prediction_is_erased_here_and_told_how_it_is_erased_elsewhere(
    client: FlaskClient, fill: Callable[..., None], tmp_path: Path
):
    erased, kept = row(detail='{"label":"somebody"}'), row()
    fill(erased, kept)
    told = {"prediction_id": erased.prediction_id, "truth": {"label": "somebody"}}
    assert client.post("/feedback", json=told).status_code == 201
    answer = client.delete(f"/predictions/{erased.prediction_id}").get_json()
    assert (answer["rows"], answer["feedback"]) == (1, 1)
    assert answer["elsewhere"] == [
        f"DELETE FROM `project.dataset.{table}` WHERE prediction_id = '{erased.prediction_id}'"
        for table in ("predictions", "predictions_feedback")
    ]
    assert ids(client.get("/predictions")) == [kept.prediction_id]
    assert client.get(f"/predictions/{erased.prediction_id}").status_code == 404
    again = client.delete(f"/predictions/{erased.prediction_id}").get_json()
    assert (again["rows"], again["feedback"]) == (0, 0)


@pytest.mark.parametrize(
    ("setting", "variables"),
    [
        pytest.param("PREDICTIONS", {}, id="closed"),
        pytest.param("PREDICTION_LOG", {"PREDICTIONS": "open", "PREDICTION_LOG": "off"}, id="off"),
    ],
)
def test_a_log_that_is_not_open_names_the_setting_that_opens_it(
    start_app: Callable[..., Flask], setting: str, variables: dict[str, str]
):
    client = start_app(**variables).test_client()
    address = f"/predictions/{new_id()}"
    truth = {"prediction_id": new_id(), "truth": {"class_id": 1}}
    for answer in (
        client.get("/predictions"),
        client.get("/predictions:summary"),
        client.get(address),
        client.delete(address),
        client.post("/feedback", json=truth),
    ):
        problem = answer.get_json()
        assert (answer.status_code, problem["field"]) == (403, setting)
        assert problem["type"] == "/problems/predictions-closed"
        assert setting in problem["detail"]


def test_a_log_that_cannot_be_read_is_told_and_passes(client: FlaskClient, tmp_path: Path):
    (tmp_path / "predictions.sqlite").write_bytes(b"no database" * 1000)
    answer = client.get("/predictions?format=csv")
    assert (answer.status_code, answer.get_json()["type"]) == (503, "/problems/log-unavailable")


def test_the_log_at_a_glance_counts_predictions_scores_and_agreement(
    client: FlaskClient, fill: Callable[..., None]
):
    rows = minutes(10)
    fill(*rows, row(created_at=START_US, prediction_id=rows[0].prediction_id, instance_index=1))
    for one, class_id in ((rows[1], 1), (rows[2], 1), (rows[2], 2), (rows[3], 1)):
        told = {"prediction_id": one.prediction_id, "truth": {"class_id": class_id}}
        assert client.post("/feedback", json=told).status_code == 201
    summary = client.get("/predictions:summary").get_json()
    assert (summary["rows"], summary["is_whole"], summary["step_s"]) == (11, True, 15)
    assert sum(one["predictions"] for one in summary["rate"]) == 10
    assert summary["rate"][0] == {"at": "2026-03-01T12:00:00.000000Z", "predictions": 1}
    assert (sum(summary["scores"]), summary["scores"][-1], len(summary["scores"])) == (11, 1, 20)
    assert [(one["agreed"], one["disagreed"]) for one in summary["agreement"]] == [
        (1, 0),
        (1, 0),
        (0, 1),
    ]


def test_a_browser_gets_the_page_and_a_program_the_rows(client: FlaskClient):
    page = client.get("/predictions", headers={"Accept": "text/html,*/*;q=0.8"})
    assert page.mimetype == "text/html"
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert client.get("/predictions", headers={"Accept": "*/*"}).is_json
    assert client.get("/predictions", headers={"Accept": "image/png"}).status_code == 406
