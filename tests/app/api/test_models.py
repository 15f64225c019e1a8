"""GET /models and the health paths: what is served, and whether it is."""

from __future__ import annotations

import json

from flask.testing import FlaskClient

from tests.app.serving.model_folder import Models


def test_models_tell_what_they_are_and_which_is_the_default(client: FlaskClient):
    (model,) = client.get("/models").get_json()["models"]
    expected = {
        "name": "street",
        "version": 1,
        "state": "ready",
        "error": None,
        "kind": "thresholding",
        "default": True,
        "labels": ["red", "green", "blue"],
        "num_classes": 4,
        "file": "street.h5",
    }
    assert expected.items() <= model.items()


def test_a_model_that_failed_says_why_and_the_others_serve(start_app, models: Models):
    models.write("broken.h5", "no model")
    client = start_app().test_client()
    broken = client.get("/models/broken").get_json()["versions"][0]
    assert broken["state"] == "failed"
    assert "no kind of model recognises" in broken["error"]
    assert client.get("/readyz").status_code == 200


def test_a_demo_never_stands_in_for_a_model_that_failed(start_app, models: Models, photo: bytes):
    models.write("street/1/model.yaml", "fallback: true")
    models.write("broken.h5", "no model")
    client = start_app().test_client()
    response = client.get("/readyz")
    assert response.status_code == 503
    assert "broken version 1 failed: no kind of model" in response.get_json()["detail"]
    png = {"data": photo, "content_type": "image/png"}
    assert client.post("/predict", **png).status_code == 503
    assert client.post("/predict?model=street", **png).status_code == 200


def test_where_all_are_to_serve_one_that_failed_keeps_the_server_unready(start_app, models: Models):
    models.write("broken.h5", "no model")
    response = start_app(READY="all").test_client().get("/readyz")
    assert response.status_code == 503
    assert "broken version 1 failed: no kind of model" in response.get_json()["detail"]


def test_a_model_says_what_its_owner_wrote_about_it(start_app, models: Models):
    models.write("street/1/model.yaml", "about: Knows red, green and blue.")
    client = start_app().test_client()
    assert client.get("/models").get_json()["models"][0]["about"] == "Knows red, green and blue."


def test_where_models_lie_on_the_disk_is_not_told(client: FlaskClient, models: Models):
    assert str(models.folder) not in client.get("/models").text


def test_one_model_is_shown_with_its_versions(client: FlaskClient):
    answer = client.get("/models/street").get_json()
    assert answer["name"] == "street"
    assert [version["version"] for version in answer["versions"]] == [1]


def test_live_is_not_ready_while_a_model_loads(start_app, models: Models):
    models.add("street/1/street.h5", load_s=0.5)
    app = start_app(wait=False)
    client = app.test_client()
    assert client.get("/healthz").status_code == 200
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"
    assert response.get_json()["models"] == [{"name": "street", "version": 1, "state": "loading"}]
    app.extensions["slipway"].client.wait_until_loaded(20)
    assert client.get("/readyz").get_json() == {"status": "ready"}


def test_an_empty_repository_is_not_ready_and_says_so(start_app, models: Models):
    models.add("street/1/street.h5").unlink()
    (models.folder / "street" / "1").rmdir()
    (models.folder / "street").rmdir()
    response = start_app().test_client().get("/readyz")
    assert response.status_code == 503
    assert "no model" in response.get_json()["detail"]


def test_a_probe_that_is_told_not_ready_is_no_warning(start_app, models: Models, log_stream):
    models.add("street/1/street.h5", load_s=0.3)
    app = start_app(wait=False)
    assert app.test_client().get("/readyz").status_code == 503
    (line,) = [line for line in log_stream.getvalue().splitlines() if '"/readyz"' in line]
    assert json.loads(line)["severity"] == "INFO"
    app.extensions["slipway"].client.wait_until_loaded(20)


def test_probes_are_logged_only_when_their_answer_changes(start_app, models: Models, log_stream):
    models.add("street/1/street.h5", load_s=0.3)
    app = start_app(wait=False)
    client = app.test_client()
    client.get("/readyz")
    client.get("/readyz")
    app.extensions["slipway"].client.wait_until_loaded(20)
    client.get("/readyz")
    client.get("/readyz")
    assert log_stream.getvalue().count('"path": "/readyz"') == 2
