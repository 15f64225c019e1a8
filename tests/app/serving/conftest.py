"""Repositories of small genuine models, and real inference processes that serve them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from app.serving.local_client import LocalClient
from app.settings import Settings
from tests.app.serving.gate import Gate
from tests.app.serving.inference_process import InferenceProcess
from tests.app.serving.model_folder import Models
from tests.app.serving.thresholding import Thresholding

HOST_SCRIPT = Path(__file__).with_name("thresholding.py")


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def models(tmp_path: Path) -> Models:
    return Models(tmp_path / "models")


@pytest.fixture
def environment(tmp_path: Path, models: Models) -> dict[str, str]:
    """Return the environment of a server over `models`."""
    return {
        "MODEL_REPOSITORY": str(models.folder),
        "INFERENCE_SOCKET": str(tmp_path / "run" / "inference.sock"),
        "INFERENCE_TIMEOUT_S": "20",
    }


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    return Settings.from_environment(environment)


@pytest.fixture
def local_client(environment: dict[str, str]) -> Iterator[Callable[..., LocalClient]]:
    """Return a function that starts a client in this process and waits for its models."""
    clients = []

    def start(**changes: str) -> LocalClient:
        settings = Settings.from_environment(environment | changes)
        clients.append(LocalClient.start(settings.serving, kinds=[Thresholding()]))
        assert clients[-1].wait_until_loaded(20)
        return clients[-1]

    yield start
    for client in clients:
        client.close()


@pytest.fixture
def photo() -> np.ndarray:
    """Return a black photo of 60 x 80 with a red and a dimmer blue rectangle."""
    image = np.zeros((60, 80, 3), np.uint8)
    image[10:38, 20:48, 0] = 250
    image[40:55, 50:70, 2] = 200
    return image


@pytest.fixture
def start_process(
    environment: dict[str, str], root: Path
) -> Iterator[Callable[..., InferenceProcess]]:
    """Return a function that runs Python with arguments and the server's environment."""
    started = []

    def start(*arguments: str, **changes: str) -> InferenceProcess:
        started.append(InferenceProcess(list(arguments), environment | changes, root))
        return started[-1]

    yield start
    for process in started:
        process.end()


@pytest.fixture
def host(start_process: Callable[..., InferenceProcess]) -> Callable[..., InferenceProcess]:
    """Return a function that starts the inference process with the thresholding kind."""
    return lambda **changes: start_process(str(HOST_SCRIPT), **changes)
