"""A version that gets a copy of what another is asked: `shadow` in `versions.yaml`."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.serving.client import Ask
from tests.app.api.server import Server
from tests.app.serving.inference_process import wait_for
from tests.app.serving.model_folder import Models

ALIKE, OTHER, BROKEN = {"threshold": 128}, {"threshold": 255}, {"fails": True}


class Shadowed:
    """An application whose model `street` has version 1, and version 2 as its shadow."""

    def __init__(self, app: Flask, caplog: pytest.LogCaptureFixture, photo: bytes) -> None:
        self.client, self._caplog, self._photo = app.test_client(), caplog, photo
        self.inference = app.extensions["slipway"].client

    def predict(self, request_id: str = "mine", query: str = "", **told: Any) -> Any:
        """Return what comes back to a request; it has to be an answer."""
        headers = {"X-Request-ID": request_id}
        response = self.client.post(f"/predict{query}", data=self._photo, headers=headers, **told)
        assert response.status_code == 200, response.text
        return response

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The log's lines about shadows."""
        lines = [vars(one) for one in self._caplog.records if one.getMessage() == "shadow"]
        return [{"severity": line["levelname"], **line["fields"]} for line in lines]

    def line(self) -> dict[str, Any]:
        """Wait for the one line about a shadow."""
        wait_for(lambda: self.lines, "a line")
        (line,) = self.lines
        return line

    @property
    def counts(self) -> dict[str, int]:
        """What `/models` tells of the shadow."""
        versions = self.client.get("/models/street").json["versions"]
        return next(one["shadow"] for one in versions if one["version"] == 2)


@pytest.fixture
def shadowed(
    models: Models,
    start_app: Callable[..., Flask],
    caplog: pytest.LogCaptureFixture,
    photo: bytes,
) -> Callable[..., Shadowed]:
    """Return a function that starts the application with a shadow whose file has these values."""
    caplog.set_level("INFO", "slipway")

    def start(shadow: dict[str, Any], **variables: str) -> Shadowed:
        models.add("street/2/street.h5", **shadow)
        models.write("street/versions.yaml", "serve: all\nshadow: 2")
        return Shadowed(start_app(**variables), caplog, photo)

    return start


def counts(**counted: int) -> dict[str, int]:
    return {"predictions": 0, "failures": 0, "differences": 0, "dropped": 0, **counted}


def test_a_shadow_is_asked_what_was_answered_and_compared(shadowed: Callable[..., Shadowed]):
    server = shadowed(ALIKE)
    answer = server.predict("mine").json
    assert (answer["version"], len(answer["instances"])) == (1, 2)
    line = server.line()
    assert line.pop("inference_ms") >= 0
    assert line == {
        "severity": "INFO",
        "request_id": "mine",
        "model": "street",
        "version": 1,
        "shadow": 2,
        "predictions": 1,
        "differences": 0,
        "difference": None,
    }
    assert server.counts == counts(predictions=1)


def test_what_a_shadow_says_otherwise_is_logged_with_the_request_and_counted(
    shadowed: Callable[..., Shadowed],
):
    server = shadowed(OTHER)
    for request_id in ("a", "b"):
        assert len(server.predict(request_id).json["instances"]) == 2
    wait_for(lambda: len(server.lines) == 2, "both are compared")
    told = [(one["request_id"], one["difference"]) for one in server.lines]
    assert told == [(one, "0 instances instead of 2") for one in ("a", "b")]
    assert server.counts == counts(predictions=2, differences=2)
    text = server.client.get("/metrics").text
    labels = '{model="street",version="2"}'
    assert f"slipway_shadow_predictions_total{labels} 2.0" in text
    assert f"slipway_shadow_differences_total{labels} 2.0" in text
    assert f"slipway_shadow_failures_total{labels} 0.0" in text
    assert f"slipway_shadow_seconds_count{labels} 2.0" in text
    # It has answered none of them.
    assert f"slipway_version_inference_seconds_count{labels}" not in text


def test_a_shadow_is_asked_with_the_parameters_of_the_request(shadowed: Callable[..., Shadowed]):
    server = shadowed(ALIKE)
    assert server.predict(query="?max_instances=1").json["version"] == 1
    assert server.line()["difference"] is None


def test_a_shadow_that_fails_changes_no_answer(shadowed: Callable[..., Shadowed]):
    server = shadowed(BROKEN)
    for _ in range(3):
        assert server.predict().json["version"] == 1
        wait_for(lambda: server.counts["failures"] == len(server.lines) > 0, "it has failed")
    wait_for(lambda: server.counts == counts(failures=3), "all have failed")
    assert server.lines[0]["severity"] == "WARNING"
    assert "this model always fails" in server.lines[0]["error"]


def test_a_shadow_that_takes_other_inputs_fails_with_the_reason(shadowed: Callable[..., Shadowed]):
    server = shadowed({"max_molded_pixels": 100})
    assert server.predict().json["version"] == 1
    assert "4800 pixels are more than 100" in server.line()["error"]


def test_a_slow_shadow_keeps_no_answer_back_and_is_left_out(shadowed: Callable[..., Shadowed]):
    server = shadowed({"delay_s": 0.5}, QUEUE_LIMIT="1")
    began_at = time.monotonic()
    for _ in range(20):
        assert server.predict().json["version"] == 1
    assert time.monotonic() - began_at < 0.5 * 20 / 2
    wait_for(lambda: server.counts["predictions"], "one is compared")
    # One that names the shadow waits for the pass that runs, and has the only place.
    assert server.predict(query="?version=2").json["version"] == 2
    assert server.counts["dropped"] > 0


def test_a_shadow_is_not_asked_before_the_answer_is_sent(shadowed: Callable[..., Shadowed]):
    server = shadowed(OTHER)
    response = server.predict(buffered=False)
    time.sleep(0.3)
    assert server.lines == []
    response.close()
    assert server.line()["differences"] == 1


def test_requests_that_name_a_version_cast_no_shadow(shadowed: Callable[..., Shadowed]):
    server = shadowed(OTHER)
    assert server.predict("named", "?version=1").json["version"] == 1
    assert server.predict("free").json["version"] == 1
    assert server.line()["request_id"] == "free"


def test_a_shadow_answers_nobody_who_does_not_name_it(
    shadowed: Callable[..., Shadowed], models: Models, photo: bytes
):
    models.write("street/1/street.h5", "broken")
    server = shadowed(ALIKE)
    refused = server.client.post("/predict", data=photo)
    assert refused.status_code == 503
    assert "street version 1 failed" in refused.json["detail"]
    assert not server.inference.is_ready()
    assert server.predict(query="?version=2").json["version"] == 2


def test_a_shadow_waits_until_no_other_prediction_is_to_be_made(
    shadowed: Callable[..., Shadowed],
):
    server = shadowed(ALIKE)
    with contextlib.closing(server.inference.enter(Ask("street", 1))):
        server.predict()
        time.sleep(0.3)
        assert server.lines == []
    assert server.line()["predictions"] == 1


def test_a_shadow_that_runs_long_does_not_count_as_inference_that_hangs(
    shadowed: Callable[..., Shadowed],
):
    server = shadowed({"delay_s": 0.5})
    server.predict()
    longest_s = 0.0
    while not server.lines:
        longest_s = max(longest_s, server.inference.running_s())
        time.sleep(0.01)
    assert longest_s == 0
    assert server.line()["inference_ms"] >= 500


def test_every_protocols_requests_are_copied(
    arithmetic: Models, start_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
):
    caplog.set_level("INFO", "slipway")
    arithmetic.write("whole/2/whole.h5", json.dumps({"arithmetic": "whole"}))
    for version in (1, 2):
        arithmetic.write(f"half/{version}/half.h5", json.dumps({"arithmetic": "half_plus_two"}))
    arithmetic.write("half/versions.yaml", "serve: all\nshadow: 2")
    client: FlaskClient = start_app().test_client()
    tensor = {"name": "x", "datatype": "FP32", "shape": [2, 1], "data": [1, 2]}
    asked = {
        "/predict": {"model": "half", "instances": [1.0, 2.0]},
        "/v1/models/half:predict": {"instances": [1.0, 2.0]},
        "/v1/models/half:classify": {"signature_name": "classify", "examples": [{"x": 1.0}] * 2},
        "/v2/models/half/infer": {"inputs": [tensor]},
    }

    def lines() -> list[dict[str, Any]]:
        return [vars(one)["fields"] for one in caplog.records if one.getMessage() == "shadow"]

    for number, (path, body) in enumerate(asked.items(), start=1):
        response = client.post(path, json=body, headers={"X-Request-ID": f"number-{number}"})
        assert response.status_code == 200, response.text
        wait_for(lambda: len(lines()) == number, path)  # noqa: B023
        told = {**lines()[-1], "inference_ms": 0}
        assert told == {
            "request_id": f"number-{number}",
            "model": "half",
            "version": 1,
            "shadow": 2,
            "predictions": 2,
            "differences": 0,
            "difference": None,
            "inference_ms": 0,
        }


@pytest.mark.server
def test_a_shadow_of_the_inference_process_gets_the_pictures_that_were_sent(
    models: Models, start_server: Callable[..., Server], photo: bytes
):
    models.add("street/2/street.h5", threshold=210)
    models.write("street/versions.yaml", "serve: all\nshadow: 2")
    server = start_server()
    for number in range(10):
        headers = {"Content-Type": "image/png", "X-Request-ID": f"number-{number}"}
        answer = server.ask("/predict", photo, **headers)
        assert (answer.status, answer.json()["version"]) == (200, 1)
        wait_for(lambda: len(server.events("shadow")) == number + 1, "it is compared")  # noqa: B023
    told = [(one["request_id"], one["difference"]) for one in server.events("shadow")]
    assert told == [(f"number-{number}", "1 instances instead of 2") for number in range(10)]
    assert server.metric('slipway_shadow_differences_total{model="street",version="2"}') == 10
