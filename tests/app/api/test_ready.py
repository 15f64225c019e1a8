"""`slipway ready`, as a container's health check and a pod's startup probe ask a running server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

from app.cli import main
from tests.app.api.server import free_port
from tests.app.serving.model_folder import Models

Serve = Callable[[Flask], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Return a function that has an application answer at a port, which it returns."""
    running: list[Any] = []

    def start(app: Flask) -> str:
        server = make_server("127.0.0.1", free_port(), app, threaded=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        running.append((server, thread))
        return str(server.port)

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_ready_server_is_told_as_such(start_app, serve: Serve, capsys):
    assert main(["ready", "--port", serve(start_app())]) == 0
    assert capsys.readouterr().out == "ready\n"


def test_a_loading_one_is_waited_for_and_told_as_loading_where_the_wait_is_too_short(
    start_app, serve: Serve, models: Models, capsys
):
    models.add("street/1/street.h5", load_s=1)
    port = serve(start_app(wait=False))
    assert main(["ready", "--port", port]) == 1
    assert capsys.readouterr().out == "street version 1 is loading\n"
    assert main(["ready", "--port", port, "--wait", "20"]) == 0


def test_a_model_that_failed_is_told_with_its_reason_on_one_line_that_an_event_holds(
    start_app, serve: Serve, models: Models, capsys
):
    models.write("broken.h5", "no model")
    for number in range(20):
        models.write(f"broken-{number}.h5", "no model")
    assert main(["ready", "--port", serve(start_app(READY="all")), "--wait", "0.3"]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("broken version 1 failed: no kind of model recognises the file")
    assert 800 < len(line) <= 901


def test_where_nothing_answers_the_port_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    port = free_port()
    monkeypatch.setenv("PORT", str(port))
    assert main(["ready"]) == 1
    assert capsys.readouterr().out == f"no answer at port {port}: [Errno 111] Connection refused\n"


@pytest.mark.parametrize("wait", ["-1", "soon", "nan", "1e9"])
def test_a_wait_that_is_none_is_refused(wait: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as refusal:
        main(["ready", f"--wait={wait}"])
    assert refusal.value.code == 2
    assert f"'{wait}': must be a number of seconds from 0 to 3600" in capsys.readouterr().err
