"""What crosses the socket comes out equal."""

from __future__ import annotations

import json

import numpy as np
import pytest

from app.kinds.kind import Parameters
from app.serving import errors, messages
from app.serving.client import ModelStatus, Prediction
from app.serving.messages import EnterRequest, PredictRequest
from app.serving.wire import Message, WireError
from mrcnn.instances import Instances


def crossed(message: Message) -> Message:
    """Return the message as its header comes out of JSON."""
    return Message(json.loads(json.dumps(message.header)), message.arrays)


def test_a_prediction_comes_out_equal():
    instances = Instances(
        (60, 80),
        np.array([[1, 2, 3, 4]], np.int32),
        np.array([7], np.int32),
        np.array([0.9], np.float32),
        np.ones((1, 28, 28), np.float32),
    )
    sent = Prediction("street", 3, ("a", "b"), instances, queue_ms=0.5, inference_ms=12.0)
    came = messages.to_prediction(crossed(messages.of_prediction(sent)))
    assert (came.model, came.version, came.labels) == ("street", 3, ("a", "b"))
    assert (came.queue_ms, came.inference_ms) == (0.5, 12.0)
    assert came.instances.image_size == (60, 80)
    np.testing.assert_array_equal(came.instances.masks, instances.masks)


def test_the_models_states_come_out_equal():
    statuses = [
        ModelStatus("a", 1, "ready", "kind", True, {"labels": ["x"]}, None, 1.5),
        ModelStatus("b", 0, "failed", error="broken"),
    ]
    assert messages.to_statuses(crossed(messages.of_statuses(statuses))) == statuses


def test_readiness_comes_out_equal():
    assert messages.to_readiness(crossed(messages.of_readiness(False, "why"))) == (False, "why")


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(errors.ModelNotFound("a", ["b", "c"]), id="model"),
        pytest.param(errors.VersionNotFound("a", 2, [1]), id="version"),
        pytest.param(errors.ModelAmbiguous(("a", "b")), id="ambiguous"),
        pytest.param(errors.ModelNotReady("loading"), id="not ready"),
        pytest.param(errors.InferenceUnavailable("full", 2.5), id="unavailable"),
        pytest.param(errors.InferenceFailed("ValueError"), id="failed"),
        pytest.param(errors.InferenceTimeout(1.5), id="timeout"),
    ],
)
def test_every_error_comes_out_equal(error: errors.ServingError):
    with pytest.raises(type(error)) as came:
        messages.to_statuses(crossed(messages.of_error(error)))
    assert (str(came.value), vars(came.value)) == (str(error), vars(error))


def test_every_error_of_serving_is_known_to_the_messages():
    known = {error.__name__ for error in errors.ServingError.__subclasses__()}
    assert known == set(messages.ERRORS)


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(EnterRequest("street", None, 2.5), id="enter"),
        pytest.param(PredictRequest(60, 80, Parameters(0.5, 3)), id="predict"),
        pytest.param(
            PredictRequest(60, 80, Parameters(), EnterRequest("street", 2, 1.5), 4),
            id="predict with its entry",
        ),
    ],
)
def test_a_request_comes_out_equal(request_: EnterRequest | PredictRequest):
    assert type(request_).parse(json.loads(json.dumps(request_.header()))) == request_


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({}, id="empty"),
        pytest.param({"height": "x", "width": 1, "parameters": {}}, id="height"),
        pytest.param({"height": 1, "width": 1, "parameters": None}, id="none"),
    ],
)
def test_what_is_no_request_to_predict_is_refused(header: dict[str, object]):
    with pytest.raises(WireError, match="no request to predict"):
        PredictRequest.parse(header)


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({}, id="empty"),
        pytest.param({"model": None, "version": "x", "timeout_s": 1}, id="version"),
        pytest.param({"model": None, "version": 1, "timeout_s": []}, id="timeout"),
    ],
)
def test_what_is_no_request_to_enter_is_refused(header: dict[str, object]):
    with pytest.raises(WireError, match="no request to enter"):
        EnterRequest.parse(header)


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({}, id="empty"),
        pytest.param({"error": {"type": "SystemExit", "args": [1]}}, id="unknown error"),
        pytest.param({"error": "x"}, id="error of no shape"),
        pytest.param({"model": "a", "version": 1, "image_size": [1]}, id="size"),
    ],
)
def test_what_is_no_answer_is_refused(header: dict[str, object]):
    with pytest.raises(WireError):
        messages.to_prediction(Message(header))
