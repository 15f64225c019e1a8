"""The page's files and the samples that it offers."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.application import create_app
from app.settings import Settings
from tests.app.api.server import Server
from tests.app.serving.inference_process import wait_for
from tests.app.serving.model_folder import Models


def read(client: FlaskClient, path: str) -> str:
    """Return a file's text, and close it."""
    with client.get(path) as response:
        assert response.status_code == 200, path
        return response.text


def policy(client: FlaskClient, path: str = "/") -> dict[str, str]:
    """Return the page's policy: what each directive allows."""
    with client.get(path) as response:
        header = response.headers["Content-Security-Policy"]
    return dict(part.split(" ", 1) for part in header.split("; "))


def scripts(client: FlaskClient) -> dict[str, str]:
    """Return the text of every script that the page comes to load, by its path."""
    paths = re.findall(r'<script type="module" src="([^"]+)"', read(client, "/"))
    texts: dict[str, str] = {}
    while paths:
        path = paths.pop()
        if path not in texts:
            texts[path] = read(client, path)
            paths += [f"/static/{name}" for name in re.findall(r'from "\./([^"]+)"', texts[path])]
    return texts


def test_the_page_asks_no_other_host_for_anything(client: FlaskClient):
    for path in re.findall(r'(?:src|href)="([^"]+)"', read(client, "/")):
        assert path.startswith(("/", "#")), path
        assert not path.startswith("//"), path
    for path, text in scripts(client).items():
        assert "http:" not in text.replace("http://…", ""), path


def test_the_policy_allows_the_pages_own_files_and_nothing_else(client: FlaskClient):
    allowed = policy(client)
    assert allowed.pop("default-src") == "'none'"
    for directive in ("base-uri", "form-action", "frame-ancestors", "trusted-types"):
        assert allowed.pop(directive) == "'none'", directive
    for directive in ("script-src", "style-src", "img-src", "connect-src"):
        assert allowed.pop(directive) == "'self'", directive
    assert allowed == {"require-trusted-types-for": "'script'"}


def test_the_page_has_no_script_or_style_inside(client: FlaskClient):
    page = read(client, "/")
    assert not re.search(r"<style|\sstyle=|\son\w+=", page)
    assert re.findall(r"<script[^>]*>(.*?)</script>", page, re.DOTALL) == [""]


def test_the_page_knows_how_large_a_photo_may_be(start_app: Callable[..., Flask]):
    app = start_app(MAX_IMAGE_BYTES="1234", MAX_IMAGE_PIXELS="5678")
    page = read(app.test_client(), "/")
    assert 'data-max-bytes="1234"' in page
    assert 'data-max-pixels="5678"' in page


def test_every_file_that_the_page_names_is_there(client: FlaskClient):
    paths = re.findall(r'(?:src|href)="(/static/[^"]+)"', read(client, "/"))
    assert len(set(paths)) >= 4
    for path in paths:
        assert read(client, path)


def test_every_file_of_the_page_is_used_and_no_script_is_longer_than_400_lines(
    client: FlaskClient, app: Flask
):
    texts = scripts(client)
    there = {f"/static/{path.name}" for path in Path(app.static_folder or "").glob("*.js")}
    assert set(texts) == there
    assert {path for path, text in texts.items() if len(text.splitlines()) > 400} == set()


def test_samples_are_the_pictures_beside_a_model(
    start_app: Callable[..., Flask], models: Models, photo: bytes
):
    models.write("street/1/samples/b.png", photo)
    models.write("street/1/samples/a scene.jpg", b"jpeg")
    models.write("street/1/samples/notes.txt", "text")
    client = start_app().test_client()
    samples = client.get("/samples").get_json()["samples"]
    assert [sample["name"] for sample in samples] == ["a scene", "b"]
    assert samples[0]["url"] == "/samples/street/a%20scene.jpg"
    with client.get(samples[1]["url"]) as response:
        assert (response.content_type, response.data) == ("image/png", photo)
        known = {"If-None-Match": response.headers["ETag"]}
        assert "max-age=3600" in response.headers["Cache-Control"]
    unbuffered = FlaskClient(client.application)
    assert unbuffered.get(samples[1]["url"], headers=known).status_code == 304


def listed(client: FlaskClient) -> list[str]:
    return [sample["name"] for sample in client.get("/samples").get_json()["samples"]]


def test_samples_come_and_go_as_models_do(
    start_app: Callable[..., Flask], models: Models, photo: bytes
):
    first = models.write("street/1/samples/a.png", photo)
    client = start_app().test_client()
    client.application.extensions["slipway"].client.keep_up(0.05)
    assert listed(client) == ["a"]
    models.write("street/1/samples/b.png", photo)
    wait_for(lambda: listed(client) == ["a", "b"], "it is listed")
    first.unlink()
    assert client.get("/samples/street/a.png").status_code == 404
    wait_for(lambda: listed(client) == ["b"], "it is gone")
    models.write("street/2/street.h5", "no model")
    models.write("street/2/samples/c.png", photo)
    wait_for(lambda: listed(client) == ["c"], "the highest version's are listed, though it failed")
    away = models.folder.rename(models.folder.with_name("away"))
    assert listed(client) == ["c"]
    away.rename(models.folder)


def test_who_answers_over_http_reads_no_folder_of_models(
    start_app: Callable[..., Flask], models: Models, photo: bytes
):
    models.write("street/1/samples/a.png", photo)
    served = start_app().extensions["slipway"].client
    elsewhere = {
        "MODEL_REPOSITORY": "/no/folder",
        "INFERENCE": "in_process",
        "PREDICTION_LOG": "off",
    }
    client = create_app(Settings.from_environment(elsewhere), served).test_client()
    assert listed(client) == ["a"]
    assert client.get("/samples/street/a.png").data == photo
    assert client.post("/predict", data=photo).status_code == 200
    assert client.get("/models").get_json()["models"][0]["state"] == "ready"


@pytest.mark.server
def test_samples_come_through_the_inference_process(
    models: Models, start_server: Callable[..., Server], photo: bytes
):
    content = photo * 50_000
    models.write("street/1/samples/a large one.png", content)
    server = start_server()
    (sample,) = server.ask("/samples").json()["samples"]
    answer = server.ask(sample["url"])
    assert (answer.status, answer.body == content) == (200, True)
    assert answer.headers["Content-Type"] == "image/png"


def test_there_may_be_no_samples(client: FlaskClient):
    assert client.get("/samples").get_json() == {"samples": []}


@pytest.mark.parametrize("name", ["street.h5", "..%2fstreet.h5", "%2e%2e%2fstreet.h5"])
def test_nothing_but_samples_can_be_fetched(
    start_app: Callable[..., Flask], models: Models, name: str
):
    models.write("street/1/samples/a.png", b"png")
    client = start_app().test_client()
    assert client.get("/samples/street/a.png").status_code == 200
    assert client.get(f"/samples/street/{name}").status_code == 404
