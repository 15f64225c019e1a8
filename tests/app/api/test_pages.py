"""The page's files and the samples that it offers."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

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


def test_samples_are_the_pictures_beside_a_model(client: FlaskClient, models: Models, photo: bytes):
    models.write("street/1/samples/b.png", photo)
    models.write("street/1/samples/a scene.jpg", b"jpeg")
    models.write("street/1/samples/notes.txt", "text")
    samples = client.get("/samples").get_json()["samples"]
    assert [sample["name"] for sample in samples] == ["a scene", "b"]
    assert samples[0]["url"] == "/samples/street/a%20scene.jpg"
    with client.get(samples[1]["url"]) as response:
        assert (response.content_type, response.data) == ("image/png", photo)


def test_samples_are_looked_for_once_as_models_are(
    client: FlaskClient, models: Models, photo: bytes
):
    first = models.write("street/1/samples/a.png", photo)
    (sample,) = client.get("/samples").get_json()["samples"]
    models.write("street/1/samples/b.png", photo)
    assert client.get("/samples").get_json()["samples"] == [sample]
    assert client.get("/samples/street/b.png").status_code == 404
    first.unlink()
    assert client.get(sample["url"]).status_code == 404


def test_a_repository_that_cannot_be_read_is_looked_at_again(
    client: FlaskClient, models: Models, photo: bytes
):
    models.write("street/1/samples/a.png", photo)
    away = models.folder.rename(models.folder.with_name("away"))
    assert client.get("/samples").get_json() == {"samples": []}
    away.rename(models.folder)
    assert len(client.get("/samples").get_json()["samples"]) == 1


def test_there_may_be_no_samples(client: FlaskClient):
    assert client.get("/samples").get_json() == {"samples": []}


@pytest.mark.parametrize("name", ["street.h5", "..%2fstreet.h5", "%2e%2e%2fstreet.h5"])
def test_nothing_but_samples_can_be_fetched(client: FlaskClient, models: Models, name: str):
    models.write("street/1/samples/a.png", b"png")
    assert client.get(f"/samples/street/{name}").status_code == 404
