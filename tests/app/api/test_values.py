"""POST /predict of models that take values: one instance, or many in one go."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.app.serving.model_folder import Models

HALF = "half_plus_two"


@pytest.fixture
def client(arithmetic: Models, start_app: Callable[..., Flask]) -> FlaskClient:
    return start_app().test_client()


def predict(client: FlaskClient, instances: object, model: str = HALF):
    return client.post(f"/predict?model={model}", json={"instances": instances})


def test_each_instance_has_its_outputs_and_an_id_of_its_own(client: FlaskClient):
    predictions = predict(client, [{"x": 1.0}, 2, [5.0]]).get_json()["predictions"]
    assert [one["outputs"] for one in predictions] == [{"y": [2.5]}, {"y": [3.0]}, {"y": [4.5]}]
    assert len({one["prediction_id"] for one in predictions}) == 3


def test_of_many_the_one_that_does_not_fit_is_named_before_any_is_predicted(
    client: FlaskClient,
):
    problem = predict(client, [1.0, 2.0, "three"]).get_json()
    assert (problem["type"], problem["field"], problem["value"]) == (
        "/problems/invalid-input",
        "instances[2].x",
        "three",
    )


def test_of_many_the_one_that_the_model_refuses_is_named(client: FlaskClient):
    response = predict(client, [1.0, 99.0])
    assert response.status_code == 422
    assert response.get_json()["field"] == "instances[1]"


def test_up_to_a_thousand_go_in_one_request(client: FlaskClient):
    predictions = predict(client, [*range(100, 1100)]).get_json()["predictions"]
    assert [one["outputs"]["y"] for one in predictions] == [[2 + x / 2] for x in range(100, 1100)]
    problem = predict(client, [0] * 1001).get_json()
    assert (problem["value"], problem["limit"]) == (1001, 1000)


def test_numbers_text_and_truth_go_in_and_come_out(client: FlaskClient):
    given = {"number": 1, "count": 4, "word": "blå", "flags": [False, True]}
    (found,) = predict(client, [given], "mixed").get_json()["predictions"]
    assert found["outputs"] == {"ratio": 0.25, "shout": "BLå", "as_bytes": "blå", "any": True}


def test_a_picture_is_told_what_such_a_model_takes(client: FlaskClient, photo: bytes):
    response = client.post("/predict?model=mixed", data=photo, content_type="image/png")
    assert response.status_code == 400
    assert "this model takes numbers and text, as JSON" in response.get_json()["detail"]


def test_another_signature_than_the_usual_one_is_asked_for_by_its_name(client: FlaskClient):
    predictions = predict(client, ["four", "sixsix"], f"{HALF}&signature=length").get_json()
    assert [one["outputs"] for one in predictions["predictions"]] == [
        {"outputs": [4]},
        {"outputs": [6]},
    ]


def test_a_signature_that_is_not_there_is_told_with_those_that_are(client: FlaskClient):
    problem = predict(client, [1.0], f"{HALF}&signature=none").get_json()
    assert (problem["status"], problem["field"], problem["value"]) == (400, "signature", "none")
    assert problem["detail"].endswith("it has serving_default, classify, length")


def test_an_input_with_a_value_of_its_own_may_be_left_out_in_every_protocol(client: FlaskClient):
    rows = [{"x": 2.0}, {"x": 2.0, "factor": 3.0}, {"x": 2.0, "factor": None}]
    answers = predict(client, rows, "scaled").get_json()["predictions"]
    assert [one["outputs"]["y"] for one in answers] == [[20], [6], [20]]
    told = client.post("/v1/models/scaled:predict", json={"instances": rows}).get_json()
    assert told == {"predictions": [20, 6, 20]}
    x = {"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [2.0]}
    told = client.post("/v2/models/scaled/infer", json={"inputs": [x]}).get_json()
    assert told["outputs"][0]["data"] == [20]
    problem = predict(client, [{"factor": 3.0}], "scaled").get_json()
    assert problem["detail"] == "`instances[0]` lacks `x`"
