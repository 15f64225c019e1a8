"""What container platforms ask of a server, asked of `slipway serve` with what they set.

Beside that it gets what docs/portability.md says to set there. The platforms are not here.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.settings import Settings
from tests.app.api.server import Answer, Server, free_port, is_running
from tests.app.serving.inference_process import wait_for
from tests.app.serving.model_folder import Models

pytestmark = pytest.mark.server

PAGE = (Path(__file__).parents[3] / "docs" / "portability.md").read_text()
STOP_TIMEOUT_S = Settings.variables()["STOP_TIMEOUT_S"][0]
VERTEX_DEFAULT = "/v1/endpoints/1/deployedModels/2:predict"


def advised(platform: str) -> dict[str, str]:
    """Return the variables that the page advises to set."""
    section = PAGE.partition(f"## {platform}\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^([A-Z_]+)=(\S+)$", section, re.MULTILINE))


@pytest.fixture
def start_on(start_server: Callable[..., Server], models: Models) -> Callable[..., Server]:
    """Return a function that starts a server as on a platform, but with the tests' models."""
    here = {"MODEL_REPOSITORY": str(models.folder)}

    def start(platform: str, *, wait: bool = True, **told: str) -> Server:
        return start_server(wait=wait, **advised(platform) | here | told)

    return start


def vertex(health: str, predict: str) -> dict[str, str]:
    """Return what Vertex AI sets; no PORT is among it."""
    return {
        "PORT": "",
        "AIP_MODE": "PREDICTION",
        "AIP_MODE_VERSION": "1.0.0",
        "AIP_FRAMEWORK": "CUSTOM_CONTAINER",
        "AIP_STORAGE_URI": "gs://bucket/folder",
        "AIP_HTTP_PORT": str(free_port()),
        "AIP_HEALTH_ROUTE": health,
        "AIP_PREDICT_ROUTE": predict,
    }


def post_json(server: Server, path: str, document: object) -> Answer:
    return server.ask(path, json.dumps(document).encode(), **{"Content-Type": "application/json"})


def labels(prediction: dict[str, list[dict[str, str]]]) -> list[str]:
    return [instance["label"] for instance in prediction["instances"]]


@pytest.mark.parametrize(
    ("health", "predict"),
    [
        pytest.param("/health", "/predict", id="named"),
        pytest.param(VERTEX_DEFAULT, VERTEX_DEFAULT, id="default"),
    ],
)
def test_vertex_ai_gets_a_prediction_for_each_instance_at_the_port_and_path_that_it_names(
    start_on: Callable[..., Server], photo: bytes, health: str, predict: str
):
    server = start_on("Vertex AI", wait=False, **vertex(health, predict))
    wait_for(lambda: is_answered(server, health), "the health route answers 200")
    instance = {"b64": base64.b64encode(photo).decode()}
    body = {"instances": [instance, instance], "parameters": {"min_score": 0.9, "masks": "polygon"}}
    answer = post_json(server, predict, body)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert [labels(prediction) for prediction in answer.json()["predictions"]] == [["red"], ["red"]]
    refused = post_json(server, predict, {"instances": [{"b64": "?"}], "parameters": {}})
    assert (refused.status, refused.json()["type"]) == (400, "/problems/invalid-base64")
    # rawPredict passes on what it was given.
    raw = server.ask(predict, photo, **{"Content-Type": "image/png"})
    assert labels(raw.json()) == ["red", "blue"]


def is_answered(server: Server, path: str) -> bool:
    """Say whether a health check succeeds."""
    try:
        return server.ask(path).status == 200
    except OSError:
        return False


def test_sagemaker_pings_and_invokes(start_on: Callable[..., Server], models: Models, photo: bytes):
    models.add("street/1/street.h5", load_s=1)
    server = start_on("SageMaker", wait=False)
    wait_for(lambda: is_answered(server, "/healthz"), "it listens")
    assert server.ask("/ping").status == 503
    wait_for(lambda: is_answered(server, "/ping"), "/ping answers 200")
    headers = {"Content-Type": "image/png", "Accept": "*/*"}
    assert labels(server.ask("/invocations", photo, **headers).json()) == ["red", "blue"]
    body = {"instances": [{"b64": base64.b64encode(photo).decode()}], "min_score": 0.9}
    (prediction,) = post_json(server, "/invocations", body).json()["predictions"]
    assert labels(prediction) == ["red"]
    form = (
        b'--b\r\nContent-Disposition: form-data; name="min_score"\r\n\r\n0.9\r\n'
        b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        + photo
        + b"\r\n--b--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b", "Accept": "application/json"}
    assert labels(server.ask("/invocations", form, **headers).json()) == ["red"]


def test_cloud_run_finds_it_on_all_addresses_at_the_port_that_it_names(
    start_on: Callable[..., Server], photo: bytes
):
    told = {"K_SERVICE": "slipway", "K_REVISION": "slipway-1", "K_CONFIGURATION": "slipway"}
    server = start_on("Cloud Run", **told)
    # Who listens on 127.0.0.1 alone is not found here.
    server.url = f"http://127.0.0.2:{server.port}"
    assert server.ask("/readyz").status == 200
    assert labels(server.predict(photo).json()) == ["red", "blue"]


def test_the_model_that_tensorflow_servings_variables_name_is_the_default_one(
    start_server: Callable[..., Server], models: Models, photo: bytes
):
    models.add("harbour/2/harbour.h5")
    server = start_server(MODEL_NAME="harbour", MODEL_BASE_PATH=str(models.folder))
    (version,) = server.ask("/v1/models/harbour").json()["model_version_status"]
    assert (version["version"], version["state"]) == ("2", "AVAILABLE")
    assert server.predict(photo).json()["model"] == "harbour"


def kill_time_s(platform: str) -> int:
    """Return how long the platform waits after SIGTERM, as the page has it."""
    (seconds,) = re.findall(rf"^\| {platform} \|.* (\d+) s \|$", PAGE, re.MULTILINE)
    return int(seconds)


@pytest.mark.parametrize("platform", ["SageMaker", "Cloud Run"])
def test_it_has_ended_before_the_platform_kills_it_whatever_is_in_flight(
    start_on: Callable[..., Server], models: Models, photo: bytes, platform: str
):
    models.add("street/1/street.h5", delay_s=60)
    # The last 6 s of what the page advises show as much as all of it.
    advised_s = int(advised(platform).get("STOP_TIMEOUT_S", STOP_TIMEOUT_S))
    spared_s = max(0, advised_s - 6)
    server = start_on(platform, STOP_TIMEOUT_S=str(advised_s - spared_s))
    family = server.family()
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(server.predict, photo)
        server.await_in_flight(1)
        server.process.terminate()
        assert server.process.wait(kill_time_s(platform) - spared_s) == 0
        with pytest.raises(OSError, match=r".*"):
            pending.result()
    (event,) = server.events("stopped_in_flight")
    assert event["in_flight"] == 1
    wait_for(lambda: not any(map(is_running, family)), "every process has ended")


@pytest.mark.parametrize("platform", ["SageMaker", "Cloud Run"])
def test_what_is_in_flight_when_the_platform_ends_it_is_answered(
    start_on: Callable[..., Server], models: Models, photo: bytes, platform: str
):
    models.add("street/1/street.h5", delay_s=1)
    server = start_on(platform)
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(server.predict, photo)
        server.await_in_flight(1)
        server.process.terminate()
        assert pending.result().status == 200
    assert server.process.wait(20) == 0
