"""POST /feedback: what is true of a prediction is checked, kept, and set beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from pycocotools import mask as coco

from app.ids import new_id
from app.records.outbox import Outbox
from app.records.settings import RecordSettings
from tests.app.records.made import row

BOX = {"x_min": 20, "y_min": 10, "x_max": 48, "y_max": 38}


@pytest.fixture
def client(start_app: Callable[..., Flask]) -> FlaskClient:
    return start_app(PREDICTIONS="open").test_client()


@pytest.fixture
def prediction_id(client: FlaskClient, photo: bytes) -> str:
    """Return the prediction of a red and a blue instance."""
    answer = client.post("/predict", data=photo, content_type="image/png").get_json()
    return str(answer["prediction_id"])


def rle(height: int = 60, width: int = 80) -> dict[str, Any]:
    pixels = np.zeros((height, width), np.uint8, order="F")
    pixels[10:38, 20:48] = 1
    pixels[45:, 3:70] = 1
    code = coco.encode(pixels)
    return {"format": "coco_rle", "size": [height, width], "counts": code["counts"].decode()}


@pytest.mark.parametrize(
    ("truth", "agrees"),
    [
        pytest.param([{"label": "red"}, {"class_id": 3}], True, id="these"),
        pytest.param([{"class_id": 3, "box": BOX}, {"class_id": 1}], True, id="in another order"),
        pytest.param([{"class_id": 1, "mask": rle()}], False, id="one less"),
        pytest.param([{"class_id": 1}] * 2, False, id="another"),
        pytest.param([], False, id="none"),
    ],
)
def test_a_prediction_agrees_when_its_classes_are_the_true_ones(
    client: FlaskClient, prediction_id: str, truth: list[dict[str, Any]], agrees: bool
):
    told = {"prediction_id": prediction_id, "truth": {"instances": truth}}
    answer = client.post("/feedback", json=told)
    assert answer.status_code == 201
    assert answer.get_json() == {"recorded": True, "joined": True, "agrees": agrees}
    shown = client.get(f"/predictions/{prediction_id}").get_json()
    assert [one["agrees"] for one in shown["rows"]] == [agrees] * 2
    (kept,) = shown["feedback"]
    assert [one["class_id"] for one in kept["truth"]["instances"]] == [
        one.get("class_id", 1) for one in truth
    ]
    outcome = "yes" if agrees else "no"
    counted = f'slipway_feedback_total{{agrees="{outcome}",model="street",version="1"}} 1.0'
    assert counted in client.get("/metrics").text


def test_the_last_truth_of_a_prediction_counts_and_all_are_kept(
    client: FlaskClient, tmp_path: Path
):
    one = row(model_name="gone")
    assert Outbox(tmp_path / "predictions.sqlite", RecordSettings()).commit([one], 5)
    for truth, agrees in (({"class_id": 2}, False), ({"label": "person"}, True)):
        told = {"prediction_id": one.prediction_id, "truth": truth}
        assert client.post("/feedback", json=told).get_json()["agrees"] is agrees
    shown = client.get(f"/predictions/{one.prediction_id}").get_json()
    assert shown["rows"][0]["agrees"] is True
    assert [each["truth"] for each in shown["feedback"]] == [
        {"label": "person", "class_id": 1},
        {"class_id": 2},
    ]


@pytest.mark.parametrize(("label", "agrees"), [("versicolor", True), ("setosa", False)])
def test_a_model_that_answers_words_is_told_a_word(
    client: FlaskClient, tmp_path: Path, label: str, agrees: bool
):
    outputs = '{"outputs":{"predicted_species":["versicolor"]}}'
    one = row(model_name="iris", predicted_class=-1, detail=outputs)
    assert Outbox(tmp_path / "predictions.sqlite", RecordSettings()).commit([one], 5)
    told = {"prediction_id": one.prediction_id, "truth": {"label": label}}
    assert client.post("/feedback", json=told).get_json()["agrees"] is agrees
    number = told | {"truth": {"class_id": 1}}
    assert client.post("/feedback", json=number).get_json()["field"] == "truth"


def test_a_picture_on_which_there_is_nothing_agrees_with_no_instances(
    client: FlaskClient, tmp_path: Path
):
    nothing = row(predicted_class=0, class_probabilities=np.zeros(0), detail="{}")
    assert Outbox(tmp_path / "predictions.sqlite", RecordSettings()).commit([nothing], 5)
    told = {"prediction_id": nothing.prediction_id, "truth": {"instances": []}}
    assert client.post("/feedback", json=told).get_json()["agrees"] is True


def test_a_truth_of_another_pods_prediction_is_kept_without_a_verdict(client: FlaskClient):
    told = {"prediction_id": new_id(), "truth": {"label": "red"}}
    answer = client.post("/feedback", json=told)
    assert answer.status_code == 202
    assert answer.get_json() == {"recorded": True, "joined": False, "agrees": None}
    counted = 'slipway_feedback_total{agrees="unknown",model="",version=""} 1.0'
    assert counted in client.get("/metrics").text


@pytest.mark.parametrize(
    ("truth", "field"),
    [
        pytest.param({"class_id": 4}, "truth.class_id", id="class"),
        pytest.param({"class_id": "1"}, "truth.class_id", id="type"),
        pytest.param({"label": "rde"}, "truth.label", id="label"),
        pytest.param({"klass": 1}, "truth", id="shape"),
        pytest.param({"class_id": 1, "label": "red"}, "truth.label", id="both"),
        pytest.param({"instances": [{}]}, "truth.instances[0]", id="no class"),
        pytest.param(
            {"instances": [{"class_id": 1}, {"class_id": 1, "box": BOX | {"x_max": 81}}]},
            "truth.instances[1].box",
            id="outside",
        ),
        pytest.param(
            {"instances": [{"class_id": 1, "box": BOX | {"x_max": 20}}]},
            "truth.instances[0].box",
            id="empty box",
        ),
        pytest.param(
            {"instances": [{"class_id": 1, "mask": rle(60, 81)}]},
            "truth.instances[0].mask",
            id="size",
        ),
        pytest.param(
            {"instances": [{"class_id": 1, "mask": rle() | {"counts": "0123"}}]},
            "truth.instances[0].mask.counts",
            id="code",
        ),
    ],
)
def test_a_truth_that_cannot_be_is_refused_by_where_it_is(
    client: FlaskClient, prediction_id: str, truth: dict[str, Any], field: str
):
    told = {"prediction_id": prediction_id, "truth": truth}
    answer = client.post("/feedback", json=told)
    assert (answer.status_code, answer.get_json()["field"]) == (400, field)
    assert client.get(f"/predictions/{prediction_id}").get_json()["feedback"] == []


def test_feedback_is_json_and_nothing_else(client: FlaskClient):
    assert client.post("/feedback", data={"prediction_id": new_id()}).status_code == 415
    assert client.post("/feedback", json=[1]).status_code == 400
    assert client.post("/feedback", json={"truth": {"class_id": 1}}).get_json()["field"] == (
        "prediction_id"
    )
