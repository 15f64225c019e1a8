"""What no answer tells, and what no request can make the server write: docs/security.md."""

from __future__ import annotations

import io
import json
import os
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.serving.errors import InferenceUnavailable
from app.serving.socket_client import SocketClient
from tests.app.serving.model_folder import Models

ASKED = [
    pytest.param("GET", "/", id="page"),
    pytest.param("GET", "/docs", id="contract"),
    pytest.param("GET", "/models", id="models"),
    pytest.param("GET", "/models/nobody", id="no model"),
    pytest.param("GET", "/nowhere", id="nowhere"),
    pytest.param("GET", "/static/../../etc/passwd", id="outside"),
    pytest.param("DELETE", "/predict", id="method"),
    pytest.param("POST", "/predict", id="no picture"),
    pytest.param("POST", "/predict?model=nobody", id="unknown model"),
    pytest.param("POST", "/predict?min_score=x", id="parameter"),
    pytest.param("GET", "/metrics", id="metrics"),
    pytest.param("GET", "/readyz", id="not ready"),
]


@pytest.fixture
def broken(start_app: Callable[..., Flask], models: Models) -> FlaskClient:
    """Return a client of a server with all that can be wrong with models."""
    models.write("street/1/street.h5", "nothing")
    models.write("fails/1/fails.h5", json.dumps({"threshold": "x"}))
    models.write("empty/notes.txt", "")
    return start_app().test_client()


@pytest.mark.parametrize(("method", "path"), ASKED)
def test_answers_tell_no_path_no_trace_and_no_version(
    broken: FlaskClient, models: Models, root: Path, method: str, path: str
):
    with broken.open(path, method=method) as answer:
        told = answer.text + str(answer.headers)
    for secret in (str(models.folder), str(root), "Traceback", 'File "', ".py", "site-packages"):
        assert secret not in told, secret
    for name in ("Werkzeug", "Python/", "uWSGI", "Flask/"):
        assert name not in str(answer.headers), name
    assert "Server" not in answer.headers


@pytest.mark.parametrize("path", ["missing", "file"])
def test_a_repository_that_cannot_be_read_is_told_without_its_folder(
    start_app: Callable[..., Flask], tmp_path: Path, path: str
):
    (tmp_path / "file").touch()
    client = start_app(MODEL_REPOSITORY=str(tmp_path / path)).test_client()
    for asked in ("/readyz", "/models", "/metrics"):
        assert str(tmp_path) not in client.get(asked).text
    assert "model repository" in client.get("/readyz").get_json()["detail"]


@pytest.mark.parametrize(("method", "path"), ASKED)
def test_every_answer_tells_browsers_what_they_may_not(broken: FlaskClient, method: str, path: str):
    with broken.open(path, method=method) as answer:
        headers = answer.headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in headers
    assert ("no-store" in headers.get("Cache-Control", "")) == (method == "POST")


@pytest.mark.parametrize(
    "request_id",
    [
        pytest.param('x", "severity": "ERROR', id="quotes"),
        pytest.param("x" * 500, id="long"),
        pytest.param("<script>", id="markup"),
    ],
)
def test_a_request_cannot_write_a_line_of_the_log(
    client: FlaskClient, log_stream: io.StringIO, request_id: str
):
    path = '/no\r\n{"event": "forged"}\u2028%0a{"event": "forged"}\x85\x9b2J'
    answer = client.get(path, headers={"X-Request-ID": request_id})
    assert answer.headers["X-Request-ID"] != request_id
    (line,) = log_stream.getvalue().splitlines()
    event = json.loads(line)
    assert line.isprintable()
    assert event["path"].endswith("\x85\x9b2J")
    assert event["event"] == "request"
    assert re.fullmatch(r"[0-9A-Z]{26}", event["request_id"])


def test_a_strange_method_and_path_make_no_new_metric(client: FlaskClient):
    for number in range(3):
        client.open(f"/strange/{number}", method=f"STRANGE{number}")
    lines = [
        line for line in client.get("/metrics").text.splitlines() if "_requests_total{" in line
    ]
    assert lines == ['slipway_http_requests_total{method="other",route="none",status="404"} 3.0']


@pytest.mark.skipif(os.getuid() != 0, reason="giving a socket away needs root")
def test_a_socket_of_another_user_is_refused(tmp_path: Path):
    path = tmp_path / "inference.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        os.seteuid(65534)
        try:
            server.listen()
        finally:
            os.seteuid(0)
        with pytest.raises(InferenceUnavailable, match="belongs to user 65534"):
            SocketClient(path).models()
