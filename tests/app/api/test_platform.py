"""A platform's own paths: what they answer, and that they are there only where asked for."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator
from PIL import Image

from tests.app.api.test_problems import check
from tests.app.serving.model_folder import Models

VERTEX = "/v1/endpoints/1/deployedModels/2:predict"
SAGEMAKER = {"HEALTH_ROUTE": "/ping", "PREDICT_ROUTE": "/invocations"}


@pytest.fixture
def client(start_app: Callable[..., Flask]) -> FlaskClient:
    return start_app(**SAGEMAKER).test_client()


def picture(channel: int) -> bytes:
    """Return a PNG with a rectangle in one colour."""
    image = np.zeros((60, 80, 3), np.uint8)
    image[10:38, 20:48, channel] = 250
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def b64(data: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(data).decode()}


def labels(answer: dict[str, Any]) -> list[str]:
    return [instance["label"] for instance in answer["instances"]]


def test_the_health_path_says_what_readyz_says(client: FlaskClient):
    assert client.get("/ping").get_json() == client.get("/readyz").get_json() == {"status": "ready"}


def test_the_health_path_is_not_ready_as_long_as_the_models_load(
    start_app: Callable[..., Flask], models: Models
):
    models.add("street/1/street.h5", load_s=5)
    client = start_app(wait=False, **SAGEMAKER).test_client()
    assert "loading" in check(client.get("/ping"), 503, "not-ready")["detail"]


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(
            lambda photo: {"data": photo, "content_type": "image/png"}, id="picture as the body"
        ),
        pytest.param(lambda photo: {"data": {"image": (io.BytesIO(photo), "a.png")}}, id="form"),
        pytest.param(lambda photo: {"json": {"image": b64(photo)}}, id="JSON"),
    ],
)
def test_the_predict_path_takes_what_predict_takes(
    client: FlaskClient, photo: bytes, sent: Callable[[bytes], dict[str, Any]]
):
    assert labels(client.post("/invocations", **sent(photo)).get_json()) == ["red", "blue"]


def test_instances_are_answered_by_as_many_predictions_in_their_order(client: FlaskClient):
    body = {"instances": [b64(picture(channel)) for channel in (2, 0, 1, 0)], "parameters": {}}
    answer = client.post("/invocations", json=body).get_json()
    assert list(answer) == ["predictions"]
    assert [labels(one) for one in answer["predictions"]] == [["blue"], ["red"], ["green"], ["red"]]


@pytest.mark.parametrize("path", ["/invocations", "/predict"])
def test_parameters_may_stand_in_an_object_of_their_own(
    client: FlaskClient, photo: bytes, path: str
):
    parameters = {"min_score": 0.9, "masks": "none", "max_instances": 5.0}
    body = {"instances": [b64(photo)], "parameters": parameters}
    (prediction,) = client.post(path, json=body).get_json()["predictions"]
    assert labels(prediction) == ["red"]
    assert "mask" not in prediction["instances"][0]


def test_no_parameters_may_be_null(client: FlaskClient, photo: bytes):
    body = {"instances": [b64(photo)], "parameters": None}
    (prediction,) = client.post("/invocations", json=body).get_json()["predictions"]
    assert labels(prediction) == ["red", "blue"]


@pytest.mark.parametrize(
    ("body", "query", "field", "text"),
    [
        pytest.param({"parameters": {"size": 3}}, "", "size", "no such parameter", id="unknown"),
        pytest.param({"parameters": {"masks": 3}}, "", "masks", "one of rle", id="not allowed"),
        pytest.param({"parameters": [1]}, "", "parameters", "an object", id="no object"),
        pytest.param(
            {"parameters": {}, "min_score": 1}, "", "parameters", "`min_score`", id="at two places"
        ),
        pytest.param(
            {"parameters": {"masks": "none"}}, "?masks=rle", "masks", "more than once", id="twice"
        ),
    ],
)
def test_parameters_of_their_own_object_that_do_not_fit_are_refused(
    client: FlaskClient, photo: bytes, body: dict[str, object], query: str, field: str, text: str
):
    response = client.post(f"/invocations{query}", json={"instances": [b64(photo)], **body})
    problem = check(response, 400, "invalid-parameter")
    assert problem["field"] == field
    assert text in problem["detail"]


def test_parameters_of_their_own_object_are_for_lists(client: FlaskClient, photo: bytes):
    response = client.post("/invocations", json={"image": b64(photo), "parameters": {}})
    assert check(response, 400, "invalid-parameter")["field"] == "parameters"


def test_one_path_may_be_for_both(start_app: Callable[..., Flask], photo: bytes):
    client = start_app(AIP_HEALTH_ROUTE=VERTEX, AIP_PREDICT_ROUTE=VERTEX).test_client()
    assert client.get(VERTEX).get_json() == {"status": "ready"}
    answer = client.post(VERTEX, json={"instances": [b64(photo)]}).get_json()
    assert labels(answer["predictions"][0]) == ["red", "blue"]
    refused = client.put(VERTEX)
    check(refused, 405, "method-not-allowed")
    assert {"GET", "POST"} <= set(refused.headers["Allow"].split(", "))


@pytest.mark.parametrize("path", ["/healthz", "/", "/models", "/models/street", "/docs"])
def test_a_path_of_the_servers_own_is_the_platforms_where_it_asks_for_it(
    start_app: Callable[..., Flask], models: Models, path: str
):
    models.add("street/1/street.h5", load_s=5)
    client = start_app(wait=False, AIP_HEALTH_ROUTE=path).test_client()
    check(client.get(path), 503, "not-ready")


def test_the_servers_own_paths_may_be_named(start_app: Callable[..., Flask], photo: bytes):
    app = start_app(AIP_HEALTH_ROUTE="/readyz", AIP_PREDICT_ROUTE="/predict")
    client = app.test_client()
    assert client.get("/readyz").status_code == 200
    assert client.post("/predict", data=photo).status_code == 200
    document = client.get("/openapi.json").get_json()
    assert document["paths"]["/predict"]["post"]["operationId"] == "predict"


def test_what_is_refused_is_a_problem(client: FlaskClient):
    check(client.post("/invocations", data=b"x", content_type="text/csv"), 415, _UNSUPPORTED)
    check(client.post("/invocations", json={"instances": []}), 400, "missing-input")
    check(client.get("/invocations"), 405, "method-not-allowed")


_UNSUPPORTED = "unsupported-media-type"


def test_without_the_settings_the_paths_are_not_there(start_app: Callable[..., Flask]):
    client = start_app().test_client()
    for path in ("/ping", "/invocations"):
        check(client.get(path), 404, "not-found")
        assert path not in client.get("/openapi.json").get_json()["paths"]


@pytest.mark.parametrize(
    ("health", "predict"),
    [
        pytest.param("/ping", "/invocations", id="SageMaker"),
        pytest.param(VERTEX, VERTEX, id="Vertex AI's default"),
        pytest.param("/healthz", "/models", id="paths of the server's own"),
    ],
)
def test_with_the_settings_they_are_in_the_contract(
    start_app: Callable[..., Flask], health: str, predict: str
):
    client = start_app(HEALTH_ROUTE=health, PREDICT_ROUTE=predict).test_client()
    document = client.get("/openapi.json").get_json()
    assert [str(error) for error in OpenAPIV31SpecValidator(document).iter_errors()] == []
    operations = [one for path in document["paths"].values() for one in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    own, platforms = (document["paths"][path]["post"] for path in ("/predict", predict))
    assert platforms["requestBody"] == own["requestBody"]
    assert platforms["responses"] == own["responses"]
    assert all(predict in sample["source"] for sample in platforms["x-codeSamples"])
    assert document["paths"][health]["get"]["operationId"] == "platform_readyz"
    assert f"</span> {health}</a>" in client.get("/docs").text


def test_health_checks_are_not_logged_and_predictions_are(
    start_app: Callable[..., Flask], photo: bytes, log_stream: io.StringIO
):
    client = start_app(AIP_HEALTH_ROUTE=VERTEX, AIP_PREDICT_ROUTE=VERTEX).test_client()
    for _ in range(3):
        assert client.get(VERTEX).status_code == 200
    assert client.post(VERTEX, data=photo).status_code == 200
    events = [json.loads(line) for line in log_stream.getvalue().splitlines()]
    assert [one["method"] for one in events if one["event"] == "request"] == ["POST"]
