"""`/v1`: a client of TensorFlow Serving's notices nothing."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.serving.client import Ask
from tests.app.api.test_platform import picture
from tests.app.serving.model_folder import Models

HALF = "/v1/models/half_plus_two"
MIXED = {"number": 1.0, "count": 4, "word": "blå", "flags": [False, True]}


@pytest.fixture
def client(arithmetic: Models, start_app: Callable[..., Flask]) -> FlaskClient:
    return start_app().test_client()


def ask(client: FlaskClient, path: str, body: object, **headers: str) -> Any:
    """Send JSON as curl -d does; return what comes back, which has to be an answer."""
    response = send(client, path, body, **headers)
    assert response.status_code == 200, response.text
    return json.loads(response.data)


def send(client: FlaskClient, path: str, body: object, **headers: str) -> TestResponse:
    data = body if isinstance(body, str | bytes) else json.dumps(body)
    sent_as = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    return client.post(path, data=data, headers=sent_as)


def error(response: TestResponse, status: int) -> str:
    """Check the form of an error and return what it says."""
    assert (response.status_code, response.content_type) == (status, "application/json")
    document = json.loads(response.data)
    assert list(document) == ["error"]
    return document["error"]


def b64(data: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(data).decode()}


def test_rows_are_answered_by_predictions(client: FlaskClient):
    assert ask(client, f"{HALF}:predict", {"instances": [1.0, 2.0, 5.0]}) == {
        "predictions": [2.5, 3.0, 4.5]
    }
    assert ask(client, f"{HALF}:predict", {"instances": [{"x": [1]}, {"x": [2]}]}) == {
        "predictions": [[2.5], [3.0]]
    }


def test_columns_are_answered_by_outputs(client: FlaskClient):
    assert ask(client, f"{HALF}:predict", {"inputs": [[1.0], [2.0]]}) == {"outputs": [[2.5], [3.0]]}
    assert ask(client, f"{HALF}:predict", {"inputs": {"x": [1.0, 2.0]}}) == {"outputs": [2.5, 3.0]}


def test_several_outputs_come_by_their_names_in_rows_and_in_columns(client: FlaskClient):
    row = {"ratio": 0.25, "shout": "BLå", "as_bytes": b64("blå".encode()), "any": True}
    answer = ask(client, "/v1/models/mixed:predict", {"instances": [MIXED, MIXED]})
    assert answer == {"predictions": [row, row]}
    columns = {name: [value] for name, value in MIXED.items()}
    answer = ask(client, "/v1/models/mixed:predict", {"inputs": columns})
    assert answer == {"outputs": {name: [value] for name, value in row.items()}}


def test_text_that_is_no_utf_8_is_base64(client: FlaskClient):
    given = {**MIXED, "word": b64(b"\xff\xfe")}
    (row,) = ask(client, "/v1/models/mixed:predict", {"instances": [given]})["predictions"]
    assert row["shout"] == row["as_bytes"] == b64(b"\xff\xfe")


def test_numbers_that_are_not_finite_come_as_they_went(client: FlaskClient):
    response = send(client, f"{HALF}:predict", '{"instances": [NaN, -Infinity, Infinity]}')
    assert response.text.replace(" ", "").strip() == '{"predictions":[NaN,-Infinity,Infinity]}'
    (row,) = ask(client, "/v1/models/mixed:predict", {"instances": [{**MIXED, "count": 0}]})[
        "predictions"
    ]
    assert row["ratio"] == float("inf")
    refused = send(
        client, "/v1/models/mixed:predict", json.dumps({"instances": [{**MIXED, "count": 1e999}]})
    )
    assert "count" in error(refused, 400)


def test_tensorflow_servings_own_test_of_named_tensors_comes_back_as_it_went(
    client: FlaskClient, data: Path
):
    cases = (data / "public" / "protocols" / "tfserving_json_tensor_cases.jsonl").read_text()
    (text, *_) = [
        case["text"]
        for case in map(json.loads, cases.splitlines())
        if case["test"] == "JsontensorTest.MultipleNamedTensor"
    ]
    sent = json.loads(text)["instances"]
    found = ask(client, "/v1/models/echo:predict", text)["predictions"]
    as_bytes = [one.pop("str_tensor_bytes") for one in found]
    # Compared as text: NaN is no number that equals itself.
    assert json.dumps(found, sort_keys=True) == json.dumps(sent, sort_keys=True)
    assert as_bytes[0] == [b64(b"foo"), b64(b"bar")]


def test_a_graph_without_a_batch_takes_whole_arrays(client: FlaskClient):
    path = "/v1/models/whole:predict"
    assert ask(client, path, {"inputs": {"matrix": [[1, 2], [3, 4]]}}) == {"outputs": [3, 7]}
    assert ask(client, path, {"instances": [[[1, 2], [3, 4]]]}) == {"predictions": [[3, 7]]}


def test_another_signature_than_the_default_one_answers_where_it_is_named(client: FlaskClient):
    body = {"signature_name": "classify", "instances": [0.25]}
    (row,) = ask(client, f"{HALF}:predict", body)["predictions"]
    assert row == {"classes": ["yes", "no"], "scores": [0.25, 0.75]}
    refused = send(client, f"{HALF}:predict", {"signature_name": "other", "instances": [1]})
    assert error(refused, 400).startswith('Serving signature name: "other" not found')


def test_a_regression_answers_with_bare_numbers(client: FlaskClient):
    body = {"examples": [{"x": 1.0}, {"x": [2.0]}]}
    assert ask(client, f"{HALF}:regress", body) == {"results": [2.5, 3.0]}
    body = {"examples": [{"other": 1.0}], "context": {"x": 5.0}}
    assert "one feature" in error(send(client, f"{HALF}:regress", body), 400)


def test_a_text_alone_gets_each_example_serialised(client: FlaskClient):
    body = {"signature_name": "length", "examples": [{"x": 1.0}, {"x": "é"}]}
    # tag and length of features, of the entry, of name and feature, of the list, and what it holds
    assert ask(client, f"{HALF}:regress", body) == {"results": [17, 15]}
    body = {"signature_name": "length", "examples": [{"x": ["a", 1]}]}
    assert "no mixture" in error(send(client, f"{HALF}:regress", body), 400)


def test_a_classification_answers_with_labels_and_scores(client: FlaskClient):
    body = {"signature_name": "classify", "examples": [{"x": 0.25}]}
    expected = {"results": [[["yes", 0.25], ["no", 0.75]]]}
    assert ask(client, f"{HALF}:classify", body) == expected
    refused = error(send(client, f"{HALF}:classify", {"examples": [{"x": 1}]}), 400)
    assert "Expected classification signature" in refused
    body["signature_name"] = "classify"
    assert "Expected regression" in error(send(client, f"{HALF}:regress", body), 400)


def test_the_status_tells_how_far_each_version_has_come(
    start_app: Callable[..., Flask], models: Models
):
    models.add("late/4/late.h5", load_s=5)
    models.write("bad/2/bad.h5", '{"threshold": "no number"}')
    client = start_app(wait=False).test_client()
    for _ in range(200):
        answer = client.get("/v1/models/bad").get_json()["model_version_status"][0]
        if answer["state"] != "LOADING":
            break
        time.sleep(0.02)
    assert (answer["version"], answer["state"]) == ("2", "END")
    assert answer["status"]["error_code"] == "INTERNAL"
    assert "no number" in answer["status"]["error_message"]
    status = {"error_code": "OK", "error_message": ""}
    late = {"version": "4", "state": "LOADING", "status": status}
    assert client.get("/v1/models/late").get_json() == {"model_version_status": [late]}
    assert client.get("/v1/models/late/versions/4").get_json() == {"model_version_status": [late]}
    assert error(send(client, "/v1/models/late:predict", {"instances": [1]}), 503)


def test_the_metadata_has_each_signature_with_its_tensors(client: FlaskClient):
    answer = client.get(f"{HALF}/versions/1/metadata").get_json()
    assert answer["model_spec"] == {"name": "half_plus_two", "signature_name": "", "version": "1"}
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    assert set(signatures) == {"serving_default", "classify", "length"}
    dim = [{"size": "-1", "name": ""}, {"size": "1", "name": ""}]
    assert signatures["serving_default"]["inputs"]["x"] == {
        "dtype": "DT_FLOAT",
        "tensor_shape": {"dim": dim, "unknown_rank": False},
        "name": "x:0",
    }
    assert signatures["length"]["method_name"] == "tensorflow/serving/regress"
    whole = client.get("/v1/models/whole/metadata").get_json()["metadata"]["signature_def"]
    matrix = whole["signature_def"]["serving_default"]["inputs"]["matrix"]["tensor_shape"]
    assert [one["size"] for one in matrix["dim"]] == ["2", "-1"]


def test_a_version_answers_to_its_label(arithmetic: Models, start_app: Callable[..., Flask]):
    for version in (2, 3):
        arithmetic.write(f"mixed/{version}/mixed.h5", '{"arithmetic": "half_plus_two"}')
    arithmetic.write("mixed/versions.yaml", "serve: all\nlabels: {stable: 1}")
    client = start_app().test_client()
    path = "/v1/models/mixed/labels/stable"
    assert len(ask(client, f"{path}:predict", {"instances": [MIXED]})["predictions"]) == 1
    (version,) = client.get(path).get_json()["model_version_status"]
    assert version["version"] == client.get(f"{path}/metadata").get_json()["model_spec"]["version"]
    assert version["version"] == "1"
    assert ask(client, "/v1/models/mixed:predict", {"instances": [1]}) == {"predictions": [2.5]}
    versions = client.get("/v1/models/mixed").get_json()["model_version_status"]
    assert [one["version"] for one in versions] == ["3", "2", "1"]


def test_the_names_of_all_models_are_listed_as_kserve_lists_them(client: FlaskClient):
    names = ["echo", "half_plus_two", "mixed", "scaled", "street", "whole"]
    assert client.get("/v1/models").get_json() == {"models": names}


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(lambda one: {"instances": [one]}, id="base64"),
        pytest.param(lambda one: {"instances": [{"image_bytes": one}]}, id="by name"),
        pytest.param(lambda one: {"inputs": {"image": [one]}}, id="column"),
        pytest.param(lambda one: {"inputs": one}, id="one"),
    ],
)
def test_a_picture_is_base64_and_is_answered_as_predict_answers(
    client: FlaskClient, given: Callable[[dict[str, str]], dict[str, Any]]
):
    body = {**given(b64(picture(1))), "parameters": {"masks": "none"}}
    answer = ask(client, "/v1/models/street:predict", body)
    ((name, (found,)),) = answer.items()
    assert name == ("predictions" if "instances" in body else "outputs")
    plain = client.post(
        "/predict?masks=none&model=street", data=picture(1), content_type="image/png"
    ).get_json()
    assert found == {"image": plain["image"], "instances": plain["instances"]}
    assert found["instances"][0]["label"] == "green"


def test_what_is_no_picture_is_400(client: FlaskClient):
    body = {"instances": [b64(b"no picture")]}
    assert "no picture" in error(send(client, "/v1/models/street:predict", body), 400)
    body = {"instances": [b64(picture(1))], "parameters": {"min_score": 7}}
    assert "min_score" in error(send(client, "/v1/models/street:predict", body), 400)


def test_a_queue_that_is_full_refuses_at_the_door_in_the_same_dialect(
    arithmetic: Models, start_app: Callable[..., Flask]
):
    arithmetic.write(
        "half_plus_two/1/half_plus_two.h5", '{"arithmetic": "half_plus_two", "delay_s": 0.2}'
    )
    app = start_app(QUEUE_LIMIT="1", DEFAULT_MODEL="street")
    client = app.test_client()
    body = {"instances": [1.0]}
    ask(client, f"{HALF}:predict", body)
    turn = app.extensions["slipway"].client.enter(Ask("half_plus_two"))
    refused = [send(client, f"{HALF}:predict", body) for _ in range(3)]
    others = ask(client, "/v1/models/mixed:predict", {"instances": [MIXED]})
    turn.close()
    for one in refused:
        assert "at most 1 may" in error(one, 429)
        assert int(one.headers["Retry-After"]) >= 1
        assert "Vary" not in one.headers
    assert others["predictions"]
    counted = 'route="/v1/models/<name>:predict",status="429"} 3.0'
    assert counted in client.get("/metrics").text


def test_a_request_has_the_time_that_its_header_says(
    arithmetic: Models, start_app: Callable[..., Flask]
):
    arithmetic.write("slow/1/slow.h5", '{"arithmetic": "half_plus_two", "delay_s": 0.5}')
    client = start_app().test_client()
    timeout = {"X-Request-Timeout": "0.05", "X-Request-ID": "mine"}
    late = send(client, "/v1/models/slow:predict", {"instances": [1]}, **timeout)
    assert "0.05 s" in error(late, 504)
    assert late.headers["X-Request-ID"] == "mine"
    never = send(
        client, "/v1/models/slow:predict", {"instances": [1]}, **{"X-Request-Timeout": "x"}
    )
    assert "X-Request-Timeout" in error(never, 400)


def test_each_prediction_is_logged_and_counted_as_those_of_predict(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level("INFO", "slipway"):
        ask(client, f"{HALF}:predict", {"instances": [1, 2]}, **{"X-Request-ID": "mine"})
    told: dict[str, list[Any]] = {}
    for record in caplog.records:
        told.setdefault(record.getMessage(), []).append(vars(record)["fields"])
    predictions = [(line["model"], line["request_id"]) for line in told["prediction"]]
    assert predictions == [("half_plus_two", "mine")] * 2
    (asked,) = told["request"]
    assert (asked["path"], asked["status"]) == (f"{HALF}:predict", 200)
    counted = 'slipway_prediction_stage_seconds_count{model="half_plus_two",stage="inference"} 2.0'
    assert counted in client.get("/metrics").text


def test_a_path_of_vertex_ais_is_none_of_tensorflow_servings(client: FlaskClient):
    answer = client.get("/v1/endpoints/1")
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
