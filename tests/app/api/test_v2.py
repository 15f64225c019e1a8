"""`/v2`: what the Open Inference Protocol says, as JSON and as bytes behind it."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.serving.client import Ask
from tests.app.api.test_platform import picture
from tests.app.api.test_v1 import error
from tests.app.serving.model_folder import Models

HALF = "/v2/models/half_plus_two"
X = {"name": "x", "shape": [3, 1], "datatype": "FP32", "data": [1.0, 2.0, 5.0]}
HEADER = "Inference-Header-Content-Length"


@pytest.fixture
def client(arithmetic: Models, start_app: Callable[..., Flask]) -> FlaskClient:
    return start_app().test_client()


def infer(client: FlaskClient, path: str, *tensors: dict[str, Any], **others: object) -> Any:
    """Ask with JSON and return what comes back, which has to be an answer."""
    response = client.post(f"{path}/infer", json={"inputs": [*tensors], **others})
    assert response.status_code == 200, response.text
    return json.loads(response.data)


def send(client: FlaskClient, document: dict[str, Any], *parts: bytes) -> TestResponse:
    """Ask half_plus_two with tensors behind the JSON."""
    header = json.dumps(document).encode()
    return client.post(
        f"{HALF}/infer",
        data=b"".join((header, *parts)),
        headers={HEADER: str(len(header))},
        content_type="application/octet-stream",
    )


def mixed(n: int = 1, /, **changes: dict[str, Any]) -> list[dict[str, Any]]:
    """Return tensors for the model that takes one of each sort."""
    tensors = {
        "number": {"shape": [n], "datatype": "FP64", "data": [1.0] * n},
        "count": {"shape": [n], "datatype": "INT64", "data": [4] * n},
        "word": {"shape": [n], "datatype": "BYTES", "data": ["blå"] * n},
        "flags": {"shape": [n, 2], "datatype": "BOOL", "data": [[False, True]] * n},
    }
    return [{"name": name, **tensor, **changes.get(name, {})} for name, tensor in tensors.items()]


def outputs(answer: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one for one in answer["outputs"]}


def test_the_server_tells_that_it_lives_and_whether_it_is_ready(client: FlaskClient):
    assert client.get("/v2/health/live").get_json() == {"live": True}
    assert client.get("/v2/health/ready").get_json() == {"ready": True}
    assert client.get("/v2").get_json()["extensions"] == [
        "binary_tensor_data",
        "model_repository",
    ]


def test_a_model_tells_its_tensors_and_whether_it_can_be_asked(client: FlaskClient):
    assert client.get(f"{HALF}/versions/1").get_json() == {
        "name": "half_plus_two",
        "versions": ["1"],
        "platform": "arithmetic",
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 1]}],
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 1]}],
    }
    whole = client.get("/v2/models/whole").get_json()
    assert whole["inputs"] == [{"name": "matrix", "datatype": "FP32", "shape": [2, -1]}]
    ready = {"name": "half_plus_two", "ready": True}
    assert client.get(f"{HALF}/ready").get_json() == ready
    assert client.get(f"{HALF}/versions/1/ready").get_json() == ready


def test_what_is_not_ready_is_503_and_what_is_not_there_404(
    start_app: Callable[..., Flask], models: Models
):
    models.add("street/1/street.h5", load_s=5)
    client = start_app(wait=False).test_client()
    for path in ("/v2/health/ready", "/v2/models/street/ready", "/v2/models/street"):
        assert "is loading" in error(client.get(path), 503)
    assert "no model 'other'" in error(client.get("/v2/models/other/ready"), 404)
    assert "version 7" in error(client.get("/v2/models/street/versions/7/ready"), 404)
    assert "'x'" in error(client.get("/v2/models/street/versions/x"), 400)


def test_a_batch_of_tensors_is_answered_by_one(client: FlaskClient):
    assert infer(client, HALF, X, id="42") == {
        "model_name": "half_plus_two",
        "model_version": "1",
        "id": "42",
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [3, 1], "data": [2.5, 3.0, 4.5]}],
    }
    nested = {**X, "data": [[1], [2], [5]]}
    assert infer(client, f"{HALF}/versions/1", nested) == infer(client, HALF, X)


def test_tensors_of_every_sort_go_in_and_out(client: FlaskClient):
    found = outputs(infer(client, "/v2/models/mixed", *mixed(2)))
    assert {name: (one["datatype"], one["shape"], one["data"]) for name, one in found.items()} == {
        "ratio": ("FP32", [2], [0.25, 0.25]),
        "shout": ("BYTES", [2], ["BLå", "BLå"]),
        "as_bytes": ("BYTES", [2], ["blå", "blå"]),
        "any": ("BOOL", [2], [True, True]),
    }


def test_a_graph_without_a_batch_takes_whole_tensors(client: FlaskClient):
    matrix = {"name": "matrix", "shape": [2, 2], "datatype": "FP32", "data": [1, 2, 3, 4]}
    (found,) = infer(client, "/v2/models/whole", matrix)["outputs"]
    assert (found["shape"], found["data"]) == ([2], [3.0, 7.0])


def test_outputs_are_those_that_are_asked_for(client: FlaskClient):
    wanted = [{"name": "any"}, {"name": "ratio"}]
    found = infer(client, "/v2/models/mixed", *mixed(), outputs=wanted)["outputs"]
    assert [one["name"] for one in found] == ["any", "ratio"]


def test_another_signature_answers_where_it_is_named(client: FlaskClient):
    x = {**X, "shape": [1, 1], "data": [0.25]}
    found = outputs(infer(client, HALF, x, parameters={"signature_name": "classify"}))
    assert found["classes"]["data"] == ["yes", "no"]


def test_tensors_may_be_bytes_behind_the_json_in_both_directions(client: FlaskClient):
    data = np.array([1, 2, 5], "<f4").tobytes()
    tensor = {"name": "x", "shape": [3, 1], "datatype": "FP32"}
    sent = {**tensor, "parameters": {"binary_data_size": len(data)}}
    for wish in (
        {"parameters": {"binary_data_output": True}},
        {"outputs": [{"name": "y", "parameters": {"binary_data": True}}]},
    ):
        response = send(client, {"inputs": [sent], **wish}, data)
        assert (response.status_code, response.mimetype) == (200, "application/octet-stream")
        length = int(response.headers[HEADER])
        (found,) = json.loads(response.data[:length])["outputs"]
        assert found["parameters"] == {"binary_data_size": 12}
        assert "data" not in found
        assert np.frombuffer(response.data[length:], "<f4").tolist() == [2.5, 3.0, 4.5]
    (found,) = json.loads(send(client, {"inputs": [sent]}, data).data)["outputs"]
    assert found["data"] == [2.5, 3.0, 4.5]


def test_text_as_bytes_has_its_length_before_it(client: FlaskClient):
    words = [b"\xff", b""]
    data = b"".join(struct.pack("<I", len(word)) + word for word in words)
    tensors = mixed(2, word={"data": None, "parameters": {"binary_data_size": len(data)}})
    header = json.dumps(
        {
            "inputs": tensors,
            "outputs": [{"name": "as_bytes", "parameters": {"binary_data": True}}, {"name": "any"}],
        }
    ).encode()
    response = client.post(
        "/v2/models/mixed/infer", data=header + data, headers={HEADER: str(len(header))}
    )
    length = int(response.headers[HEADER])
    document = json.loads(response.data[:length])
    assert response.data[length:] == data
    assert outputs(document)["any"]["data"] == [True, True]


def test_an_element_that_is_not_finite_is_null_in_json_and_itself_in_bytes(client: FlaskClient):
    data = np.array([np.nan], "<f4").tobytes()
    sent = {
        "name": "x",
        "shape": [1, 1],
        "datatype": "FP32",
        "parameters": {"binary_data_size": 4},
    }
    (found,) = json.loads(send(client, {"inputs": [sent]}, data).data)["outputs"]
    assert found["data"] == [None]
    document = {"inputs": [sent], "parameters": {"binary_data_output": True}}
    assert np.isnan(np.frombuffer(send(client, document, data).data[-4:], "<f4"))


@pytest.mark.parametrize("datatype", ["FP32", "FP64", "FP16", "INT8", "UINT64"])
def test_another_datatype_does_where_no_number_changes(client: FlaskClient, datatype: str):
    (found,) = infer(client, HALF, {**X, "datatype": datatype, "data": [1, 2, 5]})["outputs"]
    assert (found["datatype"], found["data"]) == ("FP32", [2.5, 3.0, 4.5])


@pytest.mark.parametrize(
    ("tensor", "told"),
    [
        pytest.param({"name": "z"}, "no input 'z'", id="unknown input"),
        pytest.param({"datatype": "BYTES", "data": ["1"] * 3}, "FP32 is expected", id="text"),
        pytest.param({"datatype": "BOOL", "data": [True] * 3}, "FP32 is expected", id="truths"),
        pytest.param({"datatype": "FP64", "data": [1e300] * 3}, "FP32 is expected", id="large"),
        pytest.param({"datatype": "FP32", "data": [1e300] * 3}, "cannot", id="larger"),
        pytest.param({"datatype": "INT8", "data": [300] * 3}, "cannot", id="beyond the type"),
        pytest.param({"datatype": "INT8", "data": [1.5] * 3}, "than INT8", id="no whole number"),
        pytest.param({"datatype": "FP128"}, "one of BYTES, BOOL", id="unknown type"),
        pytest.param({"data": [1, 2]}, "of 3 elements", id="too few"),
        pytest.param({"data": [1, "a", 2]}, "than FP32", id="mixture"),
        pytest.param({"data": None}, "neither `data`", id="no data"),
        pytest.param({"shape": [1, 3]}, "[-1, 1] is expected", id="another shape"),
        pytest.param({"shape": "3"}, "list of whole numbers", id="no shape"),
        pytest.param({"shape": [-1, 1]}, "list of whole numbers", id="open shape"),
        pytest.param({"shape": [0, 1], "data": []}, "a batch of 1 to", id="empty batch"),
        pytest.param({"shape": [1] * 40 + [3]}, "at most 32", id="many axes"),
        pytest.param({"shape": [0, *[2**30] * 3], "data": []}, "too large", id="endless axes"),
        pytest.param({"data": [10**90] * 3}, "cannot", id="number of 90 digits"),
        pytest.param({"data": [99, 1, 1]}, "99 is not known", id="unknown to the model"),
        pytest.param({"parameters": {"binary_data_size": 12}}, "0 bytes are left", id="no bytes"),
    ],
)
def test_a_tensor_that_does_not_fit_is_400_and_says_why(
    client: FlaskClient, tensor: dict[str, Any], told: str
):
    response = client.post(f"{HALF}/infer", json={"inputs": [{**X, **tensor}]})
    assert told in error(response, 400)


@pytest.mark.parametrize(
    ("document", "told"),
    [
        pytest.param({}, "`inputs` has to be a list", id="no inputs"),
        pytest.param({"inputs": [X, X]}, "given twice", id="twice"),
        pytest.param({"inputs": [1]}, "has to be an object", id="no tensor"),
        pytest.param({"inputs": [X], "outputs": [{"name": "z"}]}, "no output 'z'", id="output"),
        pytest.param({"inputs": [X], "outputs": [{}]}, "has no name", id="no name"),
        pytest.param({"inputs": [X], "outputs": 1}, "has to be a list", id="no list"),
        pytest.param({"inputs": [X], "id": 7}, "has to be a text", id="no id"),
        pytest.param(
            {"inputs": [X], "outputs": [{"name": "y", "parameters": {"classification": 3}}]},
            "`classification` is not there",
            id="extension",
        ),
        pytest.param(
            {"inputs": [X], "parameters": {"signature_name": "z"}}, "not found", id="signature"
        ),
    ],
)
def test_a_request_that_does_not_fit_is_400_and_says_why(
    client: FlaskClient, document: dict[str, Any], told: str
):
    assert told in error(client.post(f"{HALF}/infer", json=document), 400)


def test_inputs_that_are_missing_or_of_different_lengths_are_refused(client: FlaskClient):
    path = "/v2/models/mixed/infer"
    refused = client.post(path, json={"inputs": mixed()[:3]})
    assert "flags is missing" in error(refused, 400)
    two = {"count": {"shape": [2], "data": [1, 2]}}
    refused = client.post(path, json={"inputs": mixed(1, **two)})
    assert "count 2" in error(refused, 400)


def test_bytes_that_do_not_fit_are_refused(client: FlaskClient):
    sent = {"name": "x", "shape": [1, 1], "datatype": "FP32", "parameters": {"binary_data_size": 4}}
    assert "left behind" in error(send(client, {"inputs": [sent]}, b"12345"), 400)
    assert "3 bytes are left" in error(send(client, {"inputs": [sent]}, b"123"), 400)
    odd = {**sent, "parameters": {"binary_data_size": 3}}
    assert "no FP32" in error(send(client, {"inputs": [odd]}, b"123"), 400)
    word = {**sent, "datatype": "BYTES", "parameters": {"binary_data_size": 5}}
    assert "cut off" in error(send(client, {"inputs": [word]}, b"\xff\xff\xff\xff1"), 400)
    for length in ("9999", "-1", "x", "9" * 5000):
        refused = client.post(f"{HALF}/infer", data=b"{}", headers={HEADER: length})
        assert HEADER in error(refused, 400)


def test_the_documents_own_example_of_binary_tensors_is_read(client: FlaskClient, data):
    folder = data / "public" / "protocols"
    body = (folder / "v2_binary_extension_request.bin").read_bytes()
    headers = json.loads((folder / "v2_binary_extension_request.headers.json").read_text())
    response = client.post(f"{HALF}/infer", data=body, headers={HEADER: headers[HEADER]})
    # It is for another model: all of it was read before that was found.
    assert "no output 'output0'" in error(response, 400)


@pytest.mark.parametrize(
    "tensor",
    [
        pytest.param(
            {
                "shape": [1],
                "datatype": "BYTES",
                "data": [base64.b64encode(picture(2)).decode()],
            },
            id="file",
        ),
        pytest.param(
            {
                "shape": [1, 8, 6, 3],
                "datatype": "UINT8",
                "data": np.pad(np.full((4, 3, 3), [0, 0, 250]), ((2, 2), (1, 2), (0, 0))).tolist(),
            },
            id="pixels",
        ),
    ],
)
def test_a_picture_is_a_file_or_pixels_and_what_is_on_it_is_tensors(
    client: FlaskClient, tensor: dict[str, Any]
):
    sent = {"name": "image_bytes", **tensor}
    found = outputs(infer(client, "/v2/models/street", sent, parameters={"min_score": 0.5}))
    assert {name: (one["datatype"], one["shape"]) for name, one in found.items()} == {
        "boxes_yxyx": ("INT32", [1, 4]),
        "class_ids": ("INT32", [1]),
        "scores": ("FP32", [1]),
        "labels": ("BYTES", [1]),
    }
    assert (found["labels"]["data"], found["class_ids"]["data"]) == (["blue"], [3])
    if tensor["datatype"] == "UINT8":
        assert found["boxes_yxyx"]["data"] == [2, 1, 6, 4]
    none = outputs(infer(client, "/v2/models/street", sent, parameters={"min_score": 0.99}))
    assert none["boxes_yxyx"]["shape"] == [0, 4]


def test_a_picture_as_bytes_behind_the_json_is_its_file(client: FlaskClient):
    file = picture(1)
    data = struct.pack("<I", len(file)) + file
    tensor = {"name": "image", "shape": [1], "datatype": "BYTES"}
    tensor["parameters"] = {"binary_data_size": len(data)}
    header = json.dumps({"inputs": [tensor]}).encode()
    response = client.post(
        "/v2/models/street/infer", data=header + data, headers={HEADER: str(len(header))}
    )
    assert outputs(json.loads(response.data))["labels"]["data"] == ["green"]


@pytest.mark.parametrize(
    ("tensor", "told"),
    [
        pytest.param({"shape": [1], "datatype": "BYTES", "data": ["aGk="]}, "no picture", id="b64"),
        pytest.param({"shape": [2], "datatype": "BYTES", "data": ["", ""]}, "of 1", id="two"),
        pytest.param({"shape": [1], "datatype": "FP32", "data": [1]}, "UINT8", id="numbers"),
        pytest.param(
            {"shape": [1, 0, 4, 3], "datatype": "UINT8", "data": []}, "no pixels", id="nothing"
        ),
    ],
)
def test_what_is_no_picture_is_400(client: FlaskClient, tensor: dict[str, Any], told: str):
    body = {"inputs": [{"name": "image", **tensor}]}
    assert told in error(client.post("/v2/models/street/infer", json=body), 400)


def test_a_queue_that_is_full_refuses_at_the_door_in_the_same_dialect(
    arithmetic: Models, start_app: Callable[..., Flask]
):
    slow = '{"arithmetic": "half_plus_two", "delay_s": 0.2}'
    arithmetic.write("half_plus_two/1/half_plus_two.h5", slow)
    app = start_app(QUEUE_LIMIT="1", DEFAULT_MODEL="street")
    client = app.test_client()
    infer(client, f"{HALF}/versions/1", X)
    turn = app.extensions["slipway"].client.enter(Ask("half_plus_two", 1))
    refused = [client.post(f"{HALF}/versions/1/infer", json={"inputs": [X]}) for _ in range(3)]
    turn.close()
    for one in refused:
        assert "at most 1 may" in error(one, 429)
        assert int(one.headers["Retry-After"]) >= 1
    counted = 'route="/v2/models/<name>/versions/<version>/infer",status="429"} 3.0'
    assert counted in client.get("/metrics").text


def test_paths_and_methods_that_are_not_there_are_told_in_the_same_dialect(client: FlaskClient):
    assert "/v2/other" in error(client.get("/v2/other"), 404)
    refused = client.get(f"{HALF}/infer")
    assert "OPTIONS, POST" in error(refused, 405)
    assert "POST" in refused.headers["Allow"]
    assert client.get("/v2other").mimetype == "application/problem+json"
