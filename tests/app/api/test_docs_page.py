"""GET /docs: the contract to be read, whole, without a script and without another host."""

from __future__ import annotations

import html
import json
import re

import pytest
from flask.testing import FlaskClient

from app.api.contract.page import pretty
from tests.app.api.contract import contract


@pytest.fixture
def page(client: FlaskClient) -> str:
    return client.get("/docs").text


def test_the_policy_of_the_page_lets_nothing_in_but_its_own_files(client: FlaskClient):
    response = client.get("/docs")
    assert response.content_type == "text/html; charset=utf-8"
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_the_page_holds_no_code_or_style_and_names_no_other_host(client: FlaskClient, page: str):
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=|<script(?! type=\"module\" src=)", page) == []
    paths = re.findall(r'(?:src|href)="([^"#]+)"', page)
    assert len(set(paths)) >= 5
    for path in paths:
        assert path.startswith("/")
        with client.get(path) as answer:
            assert answer.status_code == 200, path


def test_every_link_inside_the_page_leads_somewhere(page: str):
    targets = set(re.findall(r'href="#([^"]+)"', page))
    anchors = re.findall(r'\sid="([^"]+)"', page)
    assert len(set(anchors)) == len(anchors)
    assert targets <= set(anchors)
    assert len(targets) > 50


def test_the_page_shows_all_of_the_contract(page: str):
    document, shown = contract(), html.unescape(page)
    anchors = set(re.findall(r'\sid="([^"]+)"', page))
    for path, methods in document["paths"].items():
        assert path in shown
        for operation in methods.values():
            assert operation["operationId"] in anchors
            for parameter in operation.get("parameters", []):
                assert f"<dt><code>{parameter['name']}</code>" in page
            for sample in operation["x-codeSamples"]:
                assert sample["source"] in shown
    components = document["components"]
    assert {f"schema-{name}" for name in components["schemas"]} <= anchors
    assert {f"problem-{slug}" for slug in components["examples"]} <= anchors
    for example in components["examples"].values():
        assert pretty(example["value"]) in shown


@pytest.mark.parametrize("slug", ["image-too-large", "not-found"])
def test_the_type_of_a_problem_leads_to_a_page_about_it(client: FlaskClient, slug: str):
    response = client.get(f"/problems/{slug}")
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert f"<code>/problems/{slug}</code>" in response.text
    assert ("POST</span> /predict" in response.text) == (slug == "image-too-large")


def test_a_problem_that_does_not_exist_is_one(client: FlaskClient):
    response = client.get("/problems/image-too-small")
    assert (response.status_code, response.get_json()["field"]) == (404, "slug")


@pytest.mark.parametrize("value", [{}, [], [1, "ä", None], {"a": {"b": list(range(60))}}])
def test_json_for_people_is_the_same_json(value: object):
    text = pretty(value)
    assert json.loads(text) == value
    assert max(map(len, text.splitlines())) <= 80
