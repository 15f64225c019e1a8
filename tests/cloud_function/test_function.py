"""`onNewImage` in the server that Cloud Functions runs: what is acknowledged, what comes again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import functions_framework
import pytest
from flask.testing import FlaskClient

from tests.cloud_function.border import Border, BuildApi
from tests.cloud_function.samples import ENVIRONMENT, build_document, push

HEADERS = {
    "ce-id": "7",
    "ce-source": "//pubsub.googleapis.com/projects/my-project/topics/cloud-builds",
    "ce-specversion": "1.0",
    "ce-type": "google.cloud.pubsub.topic.v1.messagePublished",
}
ATTRIBUTES = {name.removeprefix("ce-"): text for name, text in HEADERS.items()}
NOWHERE = """
apiVersion: v1
kind: Config
current-context: nowhere
contexts: [{name: nowhere, context: {cluster: nowhere, user: nobody}}]
clusters: [{name: nowhere, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: nobody, user: {}}]
"""


@pytest.fixture
def function(
    build_border: Border, tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FlaskClient]:
    """Return a client of the function; its cluster cannot be reached."""
    config = tmp_path / "kubeconfig"
    config.write_text(NOWHERE)
    settings = ENVIRONMENT | {
        "KUBECONFIG": str(config),
        "CLOUD_BUILD_ENDPOINT": build_border.url,
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    app = functions_framework.create_app("onNewImage", str(root / "cloud_function" / "main.py"))
    with app.test_client() as client:
        yield client
    sys.modules.pop("main", None)


def _send(function: FlaskClient, encoding: str, wrapped: dict[str, Any]) -> int:
    if encoding == "binary":
        return function.post("/", json=wrapped, headers=HEADERS).status_code
    if encoding == "raw push":
        return function.post("/", json=wrapped).status_code
    event = json.dumps({**ATTRIBUTES, "data": wrapped})
    answer = function.post("/", data=event, content_type="application/cloudevents+json")
    return answer.status_code


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("encoding", ["binary", "structured", "raw push"])
def test_each_encoding_reaches_the_build_api(
    encoding: str, function: FlaskClient, build_border: Border, capsys: pytest.CaptureFixture[str]
):
    assert _send(function, encoding, push(build_document())) == 200
    assert [request.path for request in build_border.requests] == [
        "/v1/projects/my-project/locations/europe-west1/builds/build-a"
    ]
    (line,) = [line for line in _lines(capsys) if line["event"] == "permanent"]
    assert line["severity"] == "ERROR"
    assert "build-a is not believed" in line["message"]


@pytest.mark.parametrize(
    "status",
    [
        "QUEUED",
        "WORKING",
        "PENDING",
        "NEVER_HEARD_OF",
        pytest.param("\ud800", id="half a character"),
        pytest.param("1" * 5000, id="5000 digits"),
    ],
)
def test_a_build_that_has_not_ended_is_acknowledged_without_asking_anybody(
    status: str, function: FlaskClient, build_border: Border
):
    assert _send(function, "binary", push(build_document(status=status))) == 200
    assert build_border.requests == []


def test_a_message_that_nobody_can_read_is_acknowledged_and_logged_as_an_error(
    function: FlaskClient, capsys: pytest.CaptureFixture[str]
):
    assert _send(function, "raw push", push(build_document(), data="%%%")) == 200
    (line,) = [line for line in _lines(capsys) if line["event"] == "permanent"]
    assert (line["severity"], "not base64" in line["message"]) == ("ERROR", True)


def _answered(function: FlaskClient, wrapped: dict[str, Any]) -> int:
    """Send a message as to a server, which makes a status of what the function raises."""
    function.application.testing = False
    return function.post("/", json=wrapped).status_code


def test_a_build_api_that_is_down_has_the_message_come_again(
    function: FlaskClient, build_api: BuildApi, build_border: Border
):
    build_api.failing = 503
    assert _answered(function, push(build_document())) == 500
    assert {request.path for request in build_border.requests} == {
        "/v1/projects/my-project/locations/europe-west1/builds/build-a"
    }


def test_a_cluster_that_is_down_has_the_message_come_again(
    function: FlaskClient, build_api: BuildApi, capsys: pytest.CaptureFixture[str]
):
    build_api.add(build_document())
    assert _answered(function, push(build_document())) == 500
    (line,) = [line for line in _lines(capsys) if line["event"] == "transient"]
    assert "the API server cannot be asked" in line["message"]


def test_a_command_that_is_not_allowed_is_acknowledged_and_logged(
    function: FlaskClient, capsys: pytest.CaptureFixture[str]
):
    message = push(build_document(), attributes={"action": "approve", "buildId": "build-a"})
    assert _send(function, "raw push", message) == 200
    (line,) = [line for line in _lines(capsys) if line["event"] == "permanent"]
    assert "not among COMMANDS" in line["message"]


def test_a_wrong_setting_stops_the_start_with_one_line(root: Path):
    started = subprocess.run(
        [sys.executable, "-c", "import main"],
        cwd=root / "cloud_function",
        env=ENVIRONMENT | {"ZONE": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert started.returncode == 1
    assert started.stderr.startswith("onNewImage: ZONE: must be set.")
    assert len(started.stderr.splitlines()) == 1


def test_the_file_of_the_function_has_only_the_function(root: Path):
    text = (root / "cloud_function" / "main.py").read_text()
    assert len(text.splitlines()) <= 60
    assert text.count("def ") == text.count("def onNewImage(") == 1
