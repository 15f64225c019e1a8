"""What `/v1` does not take, told in TensorFlow Serving's words and with its statuses."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.app.api.test_v1 import HALF, MIXED, ask, error, send
from tests.app.serving.model_folder import Models


@pytest.fixture
def client(arithmetic: Models, start_app: Callable[..., Flask]) -> FlaskClient:
    return start_app().test_client()


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        pytest.param(
            "/v1/models/half:predict",
            404,
            "Servable not found for request: Latest(half)",
            id="no model",
        ),
        pytest.param(
            f"{HALF}/versions/7:predict",
            404,
            "Servable not found for request: Specific(half_plus_two, 7)",
            id="no version",
        ),
        pytest.param(
            f"{HALF}/labels/stable:predict",
            400,
            "Unrecognized servable version label: stable",
            id="label",
        ),
        pytest.param(
            f"{HALF}:explain", 400, f"Malformed request: POST {HALF}:explain", id="no method"
        ),
        pytest.param(
            f"{HALF}/versions/x:predict",
            400,
            f"Malformed request: POST {HALF}/versions/x:predict",
            id="no number",
        ),
        pytest.param(HALF, 400, f"Malformed request: POST {HALF}", id="POST to what is got"),
    ],
)
def test_what_is_not_there_is_told_in_tensorflow_servings_words(
    client: FlaskClient, path: str, status: int, told: str
):
    assert error(send(client, path, {"instances": [1]}), status) == told


@pytest.mark.parametrize(
    ("path", "told"),
    [
        pytest.param("/v1/models/half", "Could not find any versions of model half", id="model"),
        pytest.param(
            f"{HALF}/versions/7", "Could not find version 7 of model half_plus_two", id="version"
        ),
        pytest.param(
            "/v1/models/half/metadata",
            "Servable not found for request: Latest(half)",
            id="metadata",
        ),
    ],
)
def test_a_status_of_what_is_not_there_is_404(client: FlaskClient, path: str, told: str):
    assert error(client.get(path), 404) == told


@pytest.mark.parametrize(
    ("body", "told"),
    [
        pytest.param(b"", "document is empty", id="nothing"),
        pytest.param(b'{"instances": [1', "not JSON", id="cut off"),
        pytest.param(b"[1]", "an object", id="a list"),
        pytest.param(b"{}", "Missing 'inputs' or 'instances' key", id="neither"),
        pytest.param(b'{"instances": [1], "inputs": [1]}', "only one of", id="both"),
        pytest.param(b'{"instances": []}', "No values in 'instances'", id="empty"),
        pytest.param(b'{"instances": 1}', "to be an list/array", id="no list"),
        pytest.param(b'{"instances": ["a"]}', "a number is expected", id="no number"),
        pytest.param(b'{"instances": [[1, 2]]}', "a list of 1 is expected", id="another shape"),
        pytest.param(b'{"inputs": {"x": 1}}', "the batch's", id="no batch"),
        pytest.param(b'{"instances": [1], "signature_name": 5}', "must be a string", id="name"),
        pytest.param(b'{"instances": [99]}', "99 is not known", id="unknown to the model"),
        pytest.param(
            json.dumps({"instances": [1] * 1001}).encode(), "at most 1,000", id="too many"
        ),
    ],
)
def test_a_request_that_does_not_fit_is_400_and_says_why(
    client: FlaskClient, body: bytes, told: str
):
    assert told in error(send(client, f"{HALF}:predict", body), 400)


def test_columns_of_different_lengths_are_refused(client: FlaskClient):
    columns = {name: [value] for name, value in MIXED.items()} | {"count": [1, 2]}
    refused = error(send(client, "/v1/models/mixed:predict", {"inputs": columns}), 400)
    assert "count 2" in refused


def test_a_body_may_be_compressed_and_is_bounded_once_it_is_unpacked(
    arithmetic: Models, start_app: Callable[..., Flask]
):
    client = start_app(MAX_IMAGE_BYTES="1000000").test_client()
    body = json.dumps({"instances": [2.0]}).encode()
    for coding, packed in (("gzip", gzip.compress(body)), ("deflate", zlib.compress(body))):
        answer = ask(client, f"{HALF}:predict", packed, **{"Content-Encoding": coding})
        assert answer == {"predictions": [3.0]}
    bomb = gzip.compress(b" " * 100_000_000)
    refused = send(client, f"{HALF}:predict", bomb, **{"Content-Encoding": "gzip"})
    assert "unpacked" in error(refused, 413)
    cut = send(client, f"{HALF}:predict", gzip.compress(body)[:-9], **{"Content-Encoding": "gzip"})
    assert "cut off" in error(cut, 400)
    other = send(client, f"{HALF}:predict", body, **{"Content-Encoding": "br"})
    assert "gzip and deflate" in error(other, 400)
