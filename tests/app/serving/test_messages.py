"""What crosses the socket comes out equal."""

from __future__ import annotations

import json

import numpy as np
import pytest

from app.serving import errors, messages
from app.serving.client import Chosen, ModelStatus, Prediction
from app.serving.messages import ChooseRequest, EnterRequest, PredictRequest
from app.serving.wire import Message, WireError


def crossed(message: Message) -> Message:
    """Return the message as its header comes out of JSON."""
    return Message(json.loads(json.dumps(message.header)), message.arrays)


def test_a_prediction_comes_out_equal():
    scores = np.array([0.9, 0.1], np.float32)
    sent = Prediction("street", 3, {"scores": scores}, queue_ms=0.5, inference_ms=12.0)
    came = messages.to_prediction(crossed(messages.of_prediction(sent)))
    assert (came.model, came.version) == ("street", 3)
    assert (came.queue_ms, came.inference_ms) == (0.5, 12.0)
    assert came.result["scores"] is scores


def test_a_choice_comes_out_equal():
    sent = Chosen("street", 3, "instances", {"labels": ["a", "b"]})
    assert messages.to_choice(crossed(messages.of_choice(sent))) == sent


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
        pytest.param(ChooseRequest("street", 3), id="choose"),
        pytest.param(PredictRequest({"min_score": 0.5}), id="predict"),
        pytest.param(
            PredictRequest({}, EnterRequest("street", 2, 1.5), [("image", "uint8", [2, 3, 3], 18)]),
            id="predict with its entry",
        ),
    ],
)
def test_a_request_comes_out_equal(request_: EnterRequest | PredictRequest | ChooseRequest):
    assert type(request_).parse(json.loads(json.dumps(request_.header()))) == request_


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({}, id="empty"),
        pytest.param({"asked": 1, "entry": None, "layout": None}, id="asked"),
        pytest.param({"asked": {}, "entry": None, "layout": [["image"]]}, id="layout"),
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
        pytest.param({"model": "a", "version": 1, "queue_ms": 1}, id="no time"),
    ],
)
def test_what_is_no_answer_is_refused(header: dict[str, object]):
    with pytest.raises(WireError):
        messages.to_prediction(Message(header))
