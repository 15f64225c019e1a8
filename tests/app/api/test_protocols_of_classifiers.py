"""What a model of classes answers at `/v1` and `/v2`."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from tests.app.api.test_v1 import ask, b64, error, send
from tests.app.api.test_v2 import infer, outputs
from tests.app.serving.model_folder import Models


@pytest.fixture
def client(models: Models, start_app: Callable[..., Flask]) -> FlaskClient:
    models.write("grey/1/grey.h5", '{"shades": {}}')
    return start_app().test_client()


def grey(level: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((20, 30, 3), level, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_picture_is_answered_by_its_best_classes_at_v1(client: FlaskClient):
    body = {"instances": [b64(grey(255)), b64(grey(0))], "parameters": {"top_k": 1}}
    white, black = ask(client, "/v1/models/grey:predict", body)["predictions"]
    assert white["predictions"] == [{"label": "white", "class_id": 3, "score": 0.9}]
    assert white["image"] == {"width": 30, "height": 20}
    assert black["predictions"][0]["label"] == "black"


def test_a_classification_takes_pictures(client: FlaskClient):
    body = {"examples": [{"image": b64(grey(255))}]}
    (pairs,) = ask(client, "/v1/models/grey:classify", body)["results"]
    assert pairs[0] == ["white", 0.9]
    assert {label for label, _ in pairs} == {"black", "dark", "bright", "white"}
    refused = error(send(client, "/v1/models/grey:regress", body), 400)
    assert "Expected regression" in refused


@pytest.mark.parametrize(
    "tensor",
    [
        pytest.param(
            {
                "shape": [2],
                "datatype": "BYTES",
                "data": [b64(grey(255))["b64"], b64(grey(0))["b64"]],
            },
            id="files",
        ),
        pytest.param(
            {"shape": [2, 8, 8, 1], "datatype": "UINT8", "data": [255] * 64 + [0] * 64},
            id="pixels",
        ),
    ],
)
def test_a_batch_of_pictures_is_answered_by_one_of_scores_and_labels(
    client: FlaskClient, tensor: dict[str, object]
):
    metadata = client.get("/v2/models/grey").get_json()
    assert metadata["outputs"] == [
        {"name": "outputs", "datatype": "FP32", "shape": [-1, 4]},
        {"name": "label", "datatype": "BYTES", "shape": [-1]},
    ]
    found = outputs(infer(client, "/v2/models/grey", {"name": "image_bytes", **tensor}))
    assert (found["outputs"]["shape"], found["label"]["shape"]) == ([2, 4], [2])
    assert found["label"]["data"] == ["white", "black"]
    assert found["outputs"]["data"][3] == 0.9
