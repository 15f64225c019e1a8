"""`/v2/repository`: models are told to load and to serve no more, by who is allowed to."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.serving.errors import InferenceOverloaded
from tests.app.api.server import Server
from tests.app.api.test_v1 import error
from tests.app.serving.inference_process import wait_for
from tests.app.serving.model_folder import Models

STREET = "/v2/repository/models/street"


@pytest.fixture
def client(models: Models, start_app: Callable[..., Flask]) -> FlaskClient:
    """Return a client of a server that looks for nothing by itself and may be told."""
    return start_app(MODEL_CONTROL="on").test_client()


def told(client: FlaskClient, path: str, **body: object) -> None:
    """Tell a model to load or to unload; it has to be done, and nothing said."""
    response = client.post(path, json=body) if body else client.post(path)
    assert (response.status_code, response.data) == (200, b""), response.text


def index(client: FlaskClient, **body: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.post("/v2/repository/index", json=body).get_json()
    return found


def states(client: FlaskClient) -> dict[str, str]:
    listed = client.get("/models").get_json()["models"]
    return {f"{one['name']}/{one['version']}": one["state"] for one in listed}


def test_nobody_tells_models_anything_unless_the_setting_allows_it(
    start_app: Callable[..., Flask], photo: bytes
):
    client = start_app().test_client()
    for path in (f"{STREET}/load", f"{STREET}/unload"):
        assert "MODEL_CONTROL is 'off'" in error(client.post(path), 403)
    assert states(client) == {"street/1": "ready"}
    assert [one["state"] for one in index(client)] == ["READY"]


def test_another_sites_page_cannot_stop_a_model(client: FlaskClient):
    refused = client.post(f"{STREET}/unload", headers={"Sec-Fetch-Site": "cross-site"})
    assert "'Sec-Fetch-Site' is 'cross-site'" in error(refused, 403)
    assert states(client) == {"street/1": "ready"}
    own = client.post(f"{STREET}/unload", headers={"Sec-Fetch-Site": "same-origin"})
    assert own.status_code == 200


def test_a_version_that_was_dropped_in_serves_once_the_load_is_answered(
    client: FlaskClient, models: Models, photo: bytes
):
    models.add("street/2/street.h5", load_s=0.2)
    assert states(client) == {"street/1": "ready"}
    told(client, f"{STREET}/load")
    assert states(client) == {"street/2": "ready"}
    assert client.post("/predict", data=photo).get_json()["version"] == 2


def test_a_model_that_serves_as_it_lies_there_is_not_loaded_again(client: FlaskClient):
    before = client.get("/models/street").get_json()
    told(client, f"{STREET}/load", parameters={})
    assert client.get("/models/street").get_json() == before


def test_a_version_that_fails_is_told_with_the_reason_and_the_old_one_goes_on(
    client: FlaskClient, models: Models, photo: bytes
):
    models.write("street/2/street.h5", "no model")
    reason = error(client.post(f"{STREET}/load"), 400)
    assert reason.startswith("street version 2 failed: no kind of model recognises the file")
    assert client.post("/predict", data=photo).get_json()["version"] == 1
    bad = index(client)[1]
    assert (bad["version"], bad["state"]) == ("2", "UNAVAILABLE")
    assert bad["reason"].startswith("no kind of model recognises the file")
    assert [one["version"] for one in index(client, ready=True)] == ["1"]
    models.add("street/2/street.h5")
    told(client, f"{STREET}/load")
    assert states(client) == {"street/2": "ready"}


def test_what_failed_is_tried_again_though_its_files_have_kept_still(
    start_app: Callable[..., Flask], models: Models
):
    labels = models.write("street/1/labels.txt", "a\nb\nc\n")
    labels.unlink()
    labels.symlink_to(models.folder.parent / "labels.txt")
    client = start_app(MODEL_CONTROL="on").test_client()
    assert states(client) == {"street/1": "failed"}
    assert client.get("/readyz").status_code == 503
    (models.folder.parent / "labels.txt").write_text("a\nb\nc\n")
    told(client, f"{STREET}/load")
    assert client.get("/models").get_json()["models"][0]["labels"] == ["a", "b", "c"]
    assert client.get("/readyz").status_code == 200


def test_an_unloaded_model_serves_no_more_and_stays_so_whatever_comes_to_its_folder(
    start_app: Callable[..., Flask], models: Models, photo: bytes
):
    models.add("harbour.h5")
    client = start_app(MODEL_CONTROL="on").test_client()
    inference = client.application.extensions["slipway"].client
    inference.keep_up(0.05)
    told(client, f"{STREET}/unload", parameters={"unload_dependents": False})
    assert states(client) == {"harbour/1": "ready", "street/1": "unloaded"}
    assert index(client)[1] == {
        "name": "street",
        "version": "1",
        "state": "UNAVAILABLE",
        "reason": "unloaded",
    }
    refused = client.post("/v2/models/street/infer", json={"inputs": []})
    assert refused.status_code == 400
    assert client.post("/predict?model=street", data=photo).status_code == 503
    assert "street version 1 is unloaded" in error(client.get("/v2/models/street"), 503)
    status = client.get("/v1/models/street").get_json()["model_version_status"][0]
    assert status["state"] == "END"
    # The only other model answers who names none, as if this one were not there.
    assert client.post("/predict", data=photo).get_json()["model"] == "harbour"
    assert client.get("/readyz").status_code == 200
    models.add("street/2/street.h5")
    wait_for(lambda: "street/2" in states(client), "it is seen")
    assert states(client)["street/2"] == "unloaded"
    told(client, f"{STREET}/load")
    assert states(client) == {"harbour/1": "ready", "street/2": "ready"}


def test_a_server_all_of_whose_models_are_unloaded_is_not_ready(client: FlaskClient, photo: bytes):
    told(client, f"{STREET}/unload")
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.get_json()["detail"] == "every model is unloaded"
    assert client.post("/predict", data=photo).status_code == 503
    told(client, f"{STREET}/load")
    assert client.get("/readyz").status_code == 200


def test_a_default_model_that_was_unloaded_keeps_the_server_ready_for_the_others(
    start_app: Callable[..., Flask], models: Models
):
    models.add("harbour.h5")
    client = start_app(MODEL_CONTROL="on", READY="all", DEFAULT_MODEL="street").test_client()
    told(client, f"{STREET}/unload")
    assert client.get("/readyz").status_code == 200


def test_who_is_in_work_when_a_model_is_unloaded_gets_its_answer(
    client: FlaskClient, models: Models, photo: bytes
):
    models.add("street/2/street.h5", delay_s=0.8)
    told(client, f"{STREET}/load")
    inference = client.application.extensions["slipway"].client
    answers: list[int] = []
    other = client.application.test_client()
    asking = threading.Thread(
        target=lambda: answers.append(other.post("/predict", data=photo).status_code)
    )
    asking.start()
    wait_for(inference.running_s, "it runs")
    told(client, f"{STREET}/unload")
    asking.join(0.1)
    assert answers == [200]


def test_a_load_that_takes_longer_than_its_request_has_goes_on(client: FlaskClient, models: Models):
    models.add("street/2/street.h5", load_s=0.5)
    late = client.post(f"{STREET}/load", headers={"X-Request-Timeout": "0.1"})
    assert "it goes on being loaded" in error(late, 503)
    assert late.headers["Retry-After"]
    wait_for(lambda: states(client) == {"street/2": "ready"}, "it is loaded")


def test_models_are_told_also_where_no_prediction_has_a_place(client: FlaskClient, photo: bytes):
    admission = client.application.extensions["slipway"].admission
    for model in ("street", None):
        full = InferenceOverloaded("street has no place", 1.0, full_s=60)
        admission.note_refusal((model, None), full)
    # As many as may be in work are.
    while admission.enter() is None:
        admission.rest()
    assert client.post("/predict", data=photo).status_code == 429
    assert [one["state"] for one in index(client)] == ["READY"]
    told(client, f"{STREET}/unload")
    told(client, f"{STREET}/load")
    assert states(client) == {"street/1": "ready"}


@pytest.mark.parametrize(
    ("path", "body", "status", "text"),
    [
        pytest.param(
            "/v2/repository/models/other/load", b"", 404, "there is street", id="no model to load"
        ),
        pytest.param(
            "/v2/repository/models/other/unload", b"", 404, "there is street", id="none to unload"
        ),
        pytest.param(
            f"{STREET}/load",
            b'{"parameters": {"config": "{}"}}',
            *(400, "'config' here: a model is loaded as it lies in the repository"),
            id="a configuration",
        ),
        pytest.param(f"{STREET}/load", b'{"now": 1}', 400, "no parameter 'now'", id="unknown"),
        pytest.param(f"{STREET}/load", b"[]", 400, "has to be an object", id="no object"),
        pytest.param(f"{STREET}/load", b"{", 400, "the body is not JSON", id="no JSON"),
        pytest.param(
            f"{STREET}/unload",
            b'{"parameters": {"unload_dependents": 1}}',
            *(400, "unload_dependents is 1: true or false"),
            id="no truth",
        ),
        pytest.param("/v2/repository/index", b'{"ready": 1}', 400, "ready is 1", id="index"),
    ],
)
def test_what_cannot_be_told_is_refused(
    client: FlaskClient, path: str, body: bytes, status: int, text: str
):
    assert text in error(client.post(path, data=body), status)
    assert states(client) == {"street/1": "ready"}


@pytest.mark.server
def test_tritons_client_loads_and_unloads_models_of_a_real_server(
    models: Models, start_server: Callable[..., Server], photo: bytes
):
    import tritonclient.http as triton

    server = start_server(MODEL_CONTROL="on", MODEL_POLL_S="0")
    client = triton.InferenceServerClient(f"127.0.0.1:{server.port}")
    ready = {"name": "street", "version": "1", "state": "READY", "reason": ""}
    assert client.get_model_repository_index() == [ready]
    models.add("harbour/3/harbour.h5")
    client.load_model("harbour")
    assert client.is_model_ready("harbour", "3")
    assert server.predict(photo, "?model=harbour").json()["version"] == 3
    client.unload_model("harbour")
    for _ in range(8):
        # Whichever worker answers, and whatever it knew of the model.
        assert server.predict(photo, "?model=harbour").status == 503
        assert server.predict(photo).json()["model"] == "street"
    assert [one["state"] for one in client.get_model_repository_index()] == ["UNAVAILABLE", "READY"]
    models.write("harbour/4/harbour.h5", "no model")
    with pytest.raises(triton.InferenceServerException, match="harbour version 4 failed"):
        client.load_model("harbour")
    with pytest.raises(triton.InferenceServerException, match="no model 'other'"):
        client.load_model("other")
    with pytest.raises(triton.InferenceServerException, match="'config' here"):
        client.load_model("street", config="{}")
    client.close()
    # Nobody has to send a body.
    assert server.ask("/v2/repository/models/street/load", b"").status == 200
