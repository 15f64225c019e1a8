"""The application over a real repository of small genuine models, in this process."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from app.application import create_app
from app.serving.local_client import LocalClient
from app.settings import Settings
from tests.app.api.arithmetic import Arithmetic
from tests.app.api.contract import ContractClient
from tests.app.api.server import Server, command_of
from tests.app.serving.model_folder import Models
from tests.app.serving.thresholding import Thresholding
from tests.browser.shades import Shades


@pytest.fixture
def models(tmp_path: Path) -> Models:
    """Return a repository with the model `street`: it finds what is red, green or blue."""
    models = Models(tmp_path / "models")
    models.add("street/1/street.h5")
    return models


@pytest.fixture
def arithmetic(models: Models) -> Models:
    """Return the repository with models of values beside `street`."""
    for name in ("echo", "half_plus_two", "mixed", "scaled", "whole"):
        models.write(f"{name}/1/{name}.h5", json.dumps({"arithmetic": name}))
    return models


@pytest.fixture
def start_app(models: Models, tmp_path: Path) -> Iterator[Callable[..., Flask]]:
    """Return a function that makes the application once its models have loaded."""
    clients: list[LocalClient] = []
    apps: list[Flask] = []

    def start(*, wait: bool = True, **variables: str) -> Flask:
        environment = {
            "MODEL_REPOSITORY": str(models.folder),
            "INFERENCE": "in_process",
            "PREDICTION_LOG": str(tmp_path / "predictions.sqlite"),
        }
        settings = Settings.from_environment(environment | variables)
        clients.append(
            LocalClient.start(settings.serving, kinds=[Thresholding(), Arithmetic(), Shades()])
        )
        if wait:
            assert clients[-1].wait_until_loaded(20)
        app = create_app(settings, clients[-1])
        app.test_client_class = ContractClient
        apps.append(app)
        return app

    yield start
    for app in apps:
        if records := app.extensions["slipway"].records:
            records.close()
    for client in clients:
        client.close()


@pytest.fixture
def app(start_app: Callable[..., Flask]) -> Flask:
    return start_app()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def photo() -> bytes:
    """Return a PNG of 80 x 60 pixels: a red rectangle on black, and a dimmer blue one."""
    image = np.zeros((60, 80, 3), np.uint8)
    image[10:38, 20:48, 0] = 250
    image[40:55, 50:70, 2] = 200
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def web_server(request: pytest.FixtureRequest) -> str:
    """Return what the application runs under: see `under_both`."""
    return str(getattr(request, "param", "uwsgi"))


@pytest.fixture
def start_server(
    tmp_path: Path, models: Models, root: Path, web_server: str
) -> Iterator[Callable[..., Server]]:
    """Return a function that starts a server over `models` and waits until it is ready."""
    started: list[Server] = []

    def start(*, wait: bool = True, **variables: str) -> Server:
        command = command_of(web_server)
        started.append(Server(tmp_path, models.folder, root, *command, **variables))
        if wait:
            started[-1].wait_until_ready()
        return started[-1]

    yield start
    for server in started:
        server.end()


@pytest.fixture
def server(start_server: Callable[..., Server]) -> Server:
    return start_server()
