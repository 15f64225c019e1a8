"""Requests that name no version, shared among versions as `split` in `versions.yaml` says."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.serving.client import Ask
from tests.app.api.server import Server
from tests.app.serving.inference_process import wait_for
from tests.app.serving.model_folder import Models

IDS = [f"request-{number}" for number in range(1000)]
VALUES = {"model": "half", "instances": [1.0]}
POLL_S = 0.05


@pytest.fixture
def half(models: Models) -> Callable[..., None]:
    """Return a function that writes `versions.yaml` of `half`, and versions 1 to 3 before."""
    for version in (1, 2, 3):
        content = json.dumps({"arithmetic": "half_plus_two"})
        models.write(f"half/{version}/half.h5", content)

    def write(told: str) -> None:
        models.write("half/versions.yaml", f"serve: all\n{told}")

    return write


def meant(request_id: str, first_percent: int) -> int:
    """Return the version that is to answer, where 1 has so many of a hundred and 2 the rest."""
    digest = hashlib.blake2b(request_id.encode(), digest_size=4).digest()
    return 1 if int.from_bytes(digest) < (first_percent << 32) // 100 else 2


def version_of(client: FlaskClient, request_id: str, **asked: Any) -> int:
    """Return which version of `half` answers a request of that id."""
    response = client.post("/predict", json=VALUES | asked, headers={"X-Request-ID": request_id})
    assert response.status_code == 200, response.text
    return response.json["predictions"][0]["version"]


def told(client: FlaskClient) -> dict[int, tuple[float | None, float | None]]:
    """Return what each version of `half` is to answer, and what it answers now."""
    versions = client.get("/models/half").json["versions"]
    return {one["version"]: (one["split"], one["share"]) for one in versions}


def test_a_thousand_ids_are_shared_as_their_hash_says(half, start_app: Callable[..., Flask]):
    half("split: {2: 10, 1: 90}")
    client = start_app().test_client()
    answered = {one: version_of(client, one) for one in IDS}
    assert answered == {one: meant(one, 90) for one in IDS}
    assert 70 < Counter(answered.values())[2] < 130
    assert told(client) == {1: (90, 90), 2: (10, 10), 3: (0, 0)}


def test_a_request_that_is_repeated_is_answered_by_the_same_version_in_every_protocol(
    half, start_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
):
    half("split: {1: 50, 2: 50}")
    client = start_app().test_client()
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [1]}
    asked = [
        ("/predict", VALUES),
        ("/v1/models/half:predict", {"instances": [1.0]}),
        ("/v1/models/half:regress", {"examples": [{"x": 1.0}]}),
        ("/v2/models/half/infer", {"inputs": [tensor]}),
    ]
    caplog.clear()
    with caplog.at_level("INFO", "slipway"):
        for request_id in IDS[:20]:
            for path, body in asked:
                headers = {"X-Request-ID": request_id}
                assert client.post(path, json=body, headers=headers).status_code == 200
    lines = [vars(one)["fields"] for one in caplog.records if one.getMessage() == "prediction"]
    answered = [(line["request_id"], line["version"]) for line in lines]
    assert answered == [(one, meant(one, 50)) for one in IDS[:20] for _ in asked]
    text = client.get("/metrics").text
    counts = Counter(version for _, version in answered)
    for version in (1, 2):
        labels = f'{{model="half",version="{version}"}}'
        assert f"slipway_version_inference_seconds_count{labels} {counts[version]}.0" in text
        assert f"slipway_version_share{labels} 0.5" in text


def test_a_request_that_names_a_version_or_a_label_is_not_split(
    half, start_app: Callable[..., Flask]
):
    half("labels: {stable: 1}\nsplit: {1: 1, 2: 1}")
    client = start_app().test_client()
    for request_id in IDS[:20]:
        assert version_of(client, request_id, version=3) == 3
        assert version_of(client, request_id, version="stable") == 1


def test_labels_stand_in_place_of_numbers(half, start_app: Callable[..., Flask]):
    half("labels: {stable: 1, canary: 2}\nsplit: {canary: 25, stable: 75}")
    client = start_app().test_client()
    assert [version_of(client, one) for one in IDS[:100]] == [meant(one, 75) for one in IDS[:100]]


def test_the_share_of_a_version_that_failed_goes_to_the_others(
    half, models: Models, start_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
):
    half("split: {1: 50, 2: 25, 3: 25}")
    client = start_app().test_client()
    before = {one: version_of(client, one) for one in IDS[:200]}
    models.write("half/2/half.h5", "broken")
    caplog.clear()
    with caplog.at_level("INFO", "slipway"):
        client = start_app(READY="default").test_client()
    after = {one: version_of(client, one) for one in IDS[:200]}
    kept = {one: version for one, version in before.items() if version != 2}
    assert {one: after[one] for one in kept} == kept
    assert {after[one] for one in before.keys() - kept.keys()} == {1, 3}
    shares = told(client)
    assert {version: split for version, (split, _) in shares.items()} == {1: 50, 2: 25, 3: 25}
    assert {version: round(share, 1) for version, (_, share) in shares.items()} == {
        1: 66.7,
        2: 0,
        3: 33.3,
    }
    (line,) = [vars(one) for one in caplog.records if one.getMessage() == "split"]
    assert (line["levelname"], line["fields"]["not_ready"]) == ("WARNING", [2])


def test_a_model_that_is_unloaded_is_split_as_its_folder_says_once_it_is_told_to_load(
    half, start_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
):
    half("split: {1: 75, 2: 25}")
    client = start_app(MODEL_CONTROL="on").test_client()
    assert [version_of(client, one) for one in IDS[:50]] == [meant(one, 75) for one in IDS[:50]]
    caplog.clear()
    with caplog.at_level("INFO", "slipway"):
        assert client.post("/v2/repository/models/half/unload").status_code == 200
        assert {share for _, share in told(client).values()} == {0}
        half("split: {1: 25, 2: 75}")
        assert client.post("/v2/repository/models/half/load").status_code == 200
    assert [version_of(client, one) for one in IDS[:50]] == [meant(one, 25) for one in IDS[:50]]
    (line,) = [vars(one) for one in caplog.records if one.getMessage() == "split"]
    assert (line["levelname"], line["fields"]["shares"]) == ("INFO", {1: 25, 2: 75, 3: 0})


def test_without_an_id_of_its_own_a_request_is_split_too(half, start_app: Callable[..., Flask]):
    half("split: {1: 1, 2: 1}")
    client = start_app().test_client()
    answered = set()
    for _ in range(100):
        answered.add(client.post("/predict", json=VALUES).json["predictions"][0]["version"])
    assert answered == {1, 2}


def test_shares_change_without_a_load_and_what_cannot_be_read_changes_nothing(
    half, start_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
):
    half("split: {1: 100, 2: 0}")
    app = start_app()
    client = app.test_client()
    app.extensions["slipway"].client.keep_up(POLL_S)
    assert {version_of(client, one) for one in IDS[:50]} == {1}
    caplog.clear()
    with caplog.at_level("INFO", "slipway"):
        half("split: {1: 50, 2: 50}")
        wait_for(lambda: told(client).get(2) == (50, 50), "it is split")
        expected = [meant(one, 50) for one in IDS[:50]]
        assert [version_of(client, one) for one in IDS[:50]] == expected
        half("split: {1: 50, 7: 50}")
        wait_for(lambda: 0 in told(client), "the fault is told")
    assert [version_of(client, one) for one in IDS[:50]] == expected
    events = [one.getMessage() for one in caplog.records]
    assert "model_ready" not in events
    (fault,) = [one["error"] for one in client.get("/models/half").json["versions"] if one["error"]]
    assert fault == "half/versions.yaml: split has 7; served is 1, 2, 3"


def test_a_split_whose_version_fails_leaves_the_requests_where_they_were(
    half, models: Models, start_app: Callable[..., Flask]
):
    half("split: {1: 100}")
    app = start_app()
    client = app.test_client()
    app.extensions["slipway"].client.keep_up(POLL_S)
    models.write("half/4/half.h5", "broken")
    half("split: {4: 100}")
    states = lambda: {  # noqa: E731
        one["version"]: one["state"] for one in client.get("/models/half").json["versions"]
    }
    wait_for(lambda: states().get(4) == "failed", "4 has failed")
    assert {version_of(client, one) for one in IDS[:50]} == {1}
    models.write("half/4/half.h5", json.dumps({"arithmetic": "half_plus_two"}))
    wait_for(lambda: states().get(4) == "ready", "4 is ready")
    assert {version_of(client, one) for one in IDS[:50]} == {4}


def test_a_version_that_has_no_place_refuses_its_own_share_alone(
    half, models: Models, start_app: Callable[..., Flask]
):
    half("split: {1: 50, 2: 50}")
    app = start_app(QUEUE_LIMIT="1")
    turn = app.extensions["slipway"].client.enter(Ask("half", 2))
    client = app.test_client()
    for request_id in IDS[:30]:
        headers = {"X-Request-ID": request_id}
        status = client.post("/v1/models/half:predict", json={"instances": [1]}, headers=headers)
        assert status.status_code == {1: 200, 2: 429}[meant(request_id, 50)]
    turn.close()


@pytest.mark.server
def test_every_worker_follows_a_split_that_changes_under_load(
    models: Models, start_server: Callable[..., Server], photo: bytes
):
    models.add("street/2/street.h5")
    models.write("street/versions.yaml", "serve: all\nsplit: {1: 90, 2: 10}")
    server = start_server(MODEL_POLL_S="0.1", HTTP_PROCESSES="2")

    def answered(request_id: str) -> int:
        headers = {"Content-Type": "image/png", "X-Request-ID": request_id}
        answer = server.ask("/predict", photo, **headers)
        assert answer.status == 200, answer.body
        return answer.json()["version"]

    assert {one: answered(one) for one in IDS} == {one: meant(one, 90) for one in IDS}
    end, asked = threading.Event(), Counter[int]()

    def ask_on() -> None:
        while not end.is_set():
            asked.update(map(answered, IDS[:50]))

    asking = threading.Thread(target=ask_on)
    asking.start()
    models.write("street/versions.yaml", "serve: all\nsplit: {1: 30, 2: 70}")
    wait_for(lambda: len(server.events("split")) == 2, "it is split anew")
    end.set()
    asking.join()
    assert asked.total() >= 50
    assert {one: answered(one) for one in IDS[:200]} == {one: meant(one, 30) for one in IDS[:200]}
    assert len(server.events("model_ready")) == 2
