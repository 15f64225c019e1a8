"""GET /metrics: what Prometheus reads."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from app.api.services import attach
from app.serving.errors import InferenceUnavailable
from tests.app.serving.inference_process import wait_for
from tests.app.serving.model_folder import Models


def scrape(client: FlaskClient) -> dict[tuple, float]:
    """Return every sample as (name, labels) -> value."""
    text = client.get("/metrics").text
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_requests_are_counted_by_route_and_status(client: FlaskClient, photo: bytes):
    client.post("/predict", data=photo)
    client.post("/predict", data=b"text")
    client.get("/models/street")
    client.get("/a/path/that/is/made/up")
    client.open("/predict", method="INVENTED")
    client.get("/static/page.css")
    client.head("/")
    samples = scrape(client)

    def count(method: str, route: str, status: str) -> float:
        labels = (("method", method), ("route", route), ("status", status))
        return samples["slipway_http_requests_total", *labels]

    assert count("POST", "/predict", "200") == 1
    assert count("POST", "/predict", "415") == 1
    assert count("GET", "/models/<name>", "200") == 1
    assert count("GET", "none", "404") == 1
    assert count("other", "none", "405") == 1
    assert count("GET", "/static/<path:filename>", "200") == 1
    assert count("HEAD", "/", "200") == 1


def test_a_file_that_a_worker_is_just_making_is_waited_for(
    client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    counts = tmp_path / "counter_1.db"
    counts.touch()
    # As prometheus-client has it: of a length first, then with what it holds.
    filling = threading.Timer(0.05, lambda: counts.write_bytes(bytes(1 << 16)))
    filling.start()
    assert client.get("/metrics").status_code == 200
    filling.join()


def test_stages_and_instances_of_predictions_are_counted(client: FlaskClient, photo: bytes):
    client.post("/predict", data=photo)
    samples = scrape(client)
    for stage in ("decode", "queue", "inference", "encode"):
        labels = (("model", "street"), ("stage", stage))
        assert samples["slipway_prediction_stage_seconds_count", *labels] == 1
    labels = (("label", "red"), ("model", "street"))
    assert samples["slipway_instances_found_total", *labels] == 1


def test_nothing_is_in_flight_that_is_answered_or_only_looks_after_the_server(
    client: FlaskClient, photo: bytes
):
    client.post("/predict", data=b"no picture")
    client.post("/predict", data=photo)
    client.get("/readyz")
    assert scrape(client)["slipway_http_requests_in_flight",] == 0


def test_models_and_inference_are_told_as_they_are_now(client: FlaskClient):
    samples = scrape(client)
    assert samples["slipway_inference_up",] == 1
    assert samples["slipway_model_ready", ("model", "street"), ("version", "1")] == 1


def test_a_repository_that_cannot_be_read_is_a_sample_of_its_own(
    app: Flask, client: FlaskClient, models: Models
):
    def is_up() -> bool:
        return scrape(client)["slipway_repository_up",] == 1

    assert is_up()
    app.extensions["slipway"].client.keep_up(0.05)
    away = models.folder.rename(models.folder.with_name("away"))
    wait_for(lambda: not is_up(), "it is told")
    assert scrape(client)["slipway_model_ready", ("model", "street"), ("version", "1")] == 1
    away.rename(models.folder)
    wait_for(is_up, "it is over")


def test_without_inference_metrics_still_answer(app: Flask):
    class Gone:
        def models(self) -> None:
            raise InferenceUnavailable("gone", 5)

    attach(app, replace(app.extensions["slipway"], client=Gone()))
    samples = scrape(app.test_client())
    assert samples["slipway_inference_up",] == 0
    assert not [name for name, *_ in samples if name == "slipway_model_ready"]


def test_a_version_that_was_loaded_anew_in_vain_is_one_sample_and_ready(
    app: Flask, client: FlaskClient, models: Models
):
    app.extensions["slipway"].client.keep_up(0.02)
    models.write("street/1/street.h5", '{"threshold": "high"}')
    wait_for(lambda: len(app.extensions["slipway"].client.models()) == 2, "both are there")
    lines = [line for line in client.get("/metrics").text.splitlines() if "model_ready{" in line]
    assert lines == ['slipway_model_ready{model="street",version="1"} 1.0']
