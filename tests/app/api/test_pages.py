"""The page's files and the samples that it offers."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from tests.app.serving.model_folder import Models


def read(client: FlaskClient, path: str) -> str:
    """Return a file's text, and close it."""
    with client.get(path) as response:
        assert response.status_code == 200, path
        return response.text


def test_the_page_asks_no_other_host_for_anything(client: FlaskClient):
    with client.get("/") as page:
        assert "default-src 'self'" in page.headers["Content-Security-Policy"]
        for path in re.findall(r'(?:src|href)="([^"]+)"', page.text):
            assert path.startswith(("/", "#"))


def test_every_file_that_the_page_names_is_there(client: FlaskClient):
    paths = re.findall(r'(?:src|href)="(/static/[^"]+)"', read(client, "/"))
    scripts = read(client, "/static/page.js") + read(client, "/static/drawing.js")
    paths += [f"/static/{name}" for name in re.findall(r'from "\./([^"]+)"', scripts)]
    assert len(set(paths)) >= 5
    for path in paths:
        assert read(client, path)


def test_samples_are_the_pictures_beside_a_model(client: FlaskClient, models: Models, photo: bytes):
    models.write("street/1/samples/b.png", photo)
    models.write("street/1/samples/a scene.jpg", b"jpeg")
    models.write("street/1/samples/notes.txt", "text")
    samples = client.get("/samples").get_json()["samples"]
    assert [sample["name"] for sample in samples] == ["a scene", "b"]
    assert samples[0]["url"] == "/samples/street/a%20scene.jpg"
    with client.get(samples[1]["url"]) as response:
        assert (response.content_type, response.data) == ("image/png", photo)


def test_there_may_be_no_samples(client: FlaskClient):
    assert client.get("/samples").get_json() == {"samples": []}


@pytest.mark.parametrize("name", ["street.h5", "..%2fstreet.h5", "%2e%2e%2fstreet.h5"])
def test_nothing_but_samples_can_be_fetched(client: FlaskClient, models: Models, name: str):
    models.write("street/1/samples/a.png", b"png")
    assert client.get(f"/samples/street/{name}").status_code == 404
