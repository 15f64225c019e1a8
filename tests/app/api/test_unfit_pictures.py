"""Pictures that a model cannot take: the client's mistake, told at once."""

from __future__ import annotations

import base64
import functools
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image

from app.application import create_app
from app.serving.local_client import LocalClient
from app.settings import Settings
from tests.app.api.contract import ContractClient
from tests.mrcnn.tiny import SETTINGS

pytestmark = pytest.mark.slow


def png(width: int, height: int) -> bytes:
    pixels = np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, tiny_file: Path
) -> Iterator[Callable[..., FlaskClient]]:
    """Return a function that serves a genuine Mask R-CNN, each with other settings once."""
    clients: list[LocalClient] = []

    @functools.cache
    def serve(config: str) -> FlaskClient:
        folder = tmp_path_factory.mktemp("unfit")
        (folder / "tiny" / "1").mkdir(parents=True)
        (folder / "tiny/1/tiny.h5").symlink_to(tiny_file)
        (folder / "tiny/1/model.yaml").write_text(config)
        settings = Settings.from_environment(
            {
                "MODEL_REPOSITORY": str(folder),
                "MAX_MOLDED_PIXELS": "262144",
                "PREDICTION_LOG": "off",
            }
        )
        clients.append(LocalClient.start(settings.serving))
        assert clients[-1].wait_until_loaded(60)
        app = create_app(settings, clients[-1])
        app.test_client_class = ContractClient
        return app.test_client()

    yield lambda **config: serve(json.dumps({"config": SETTINGS | config}))
    for client in clients:
        client.close()


def predict(client: FlaskClient, picture: bytes):
    return client.post("/predict", data=picture, content_type="image/png")


@pytest.mark.parametrize(
    ("config", "size", "molded", "frame"),
    [
        pytest.param(
            {"IMAGE_RESIZE_MODE": "pad64", "IMAGE_MIN_DIM": 256},
            (1000, 1),
            256 * 256_000,
            "256,000 x 256",
            id="a hair, enlarged to the least side",
        ),
        pytest.param(
            {"IMAGE_RESIZE_MODE": "pad64", "IMAGE_MIN_DIM": 64},
            (1100, 600),
            1152 * 640,
            "1,152 x 640",
            id="a large photo, padded",
        ),
        pytest.param(
            {"IMAGE_RESIZE_MODE": "pad64", "IMAGE_MIN_DIM": 64, "IMAGE_MIN_SCALE": 4},
            (200, 150),
            832 * 640,
            "832 x 640",
            id="a least scale",
        ),
        pytest.param(
            {"IMAGE_RESIZE_MODE": "none"},
            (1024, 576),
            1024 * 576,
            "1,024 x 576",
            id="a large photo, as it is",
        ),
    ],
)
def test_picture_too_large_for_the_network_is_refused_at_once(
    served, config: dict[str, object], size: tuple[int, int], molded: int, frame: str
):
    client = served(**config)
    answer = predict(client, png(*size))
    assert answer.status_code == 413
    assert answer.json["type"] == "/problems/image-too-large"
    assert (answer.json["field"], answer.json["unit"]) == ("image", "molded pixels")
    assert (answer.json["value"], answer.json["limit"]) == (molded, 262_144)
    assert f"becomes {frame} pixels for the network" in answer.json["detail"]
    assert predict(client, png(128, 64)).status_code == 200
    (model,) = client.get("/models").json["models"]
    assert model["limits"] == {"molded_pixels": 262_144}


def test_picture_as_large_as_the_limit_is_taken(served):
    assert predict(served(IMAGE_RESIZE_MODE="none"), png(512, 512)).status_code == 200


def test_picture_of_sides_that_the_network_cannot_take_is_the_clients_mistake(served, log_stream):
    client = served(IMAGE_RESIZE_MODE="none")
    answer = predict(client, png(300, 237))
    assert answer.status_code == 422
    assert answer.json["type"] == "/problems/input-not-accepted"
    assert answer.json["field"] == "image"
    assert (
        "300 x 237 pixels; resize mode 'none' needs sides that are multiples of 64"
        in (answer.json["detail"])
    )
    lines = [json.loads(line) for line in log_stream.getvalue().splitlines()]
    (line,) = [line for line in lines if line["event"] == "request"]
    assert (line["severity"], line["problem"]) == ("INFO", "input-not-accepted")
    assert not [line for line in lines if "traceback" in line]


def test_a_list_names_the_picture_that_does_not_fit(served):
    client = served(IMAGE_RESIZE_MODE="none")
    pictures = [{"b64": base64.b64encode(png(*size)).decode()} for size in ((64, 64), (65, 64))]
    answer = client.post("/predict", json={"instances": pictures})
    assert answer.status_code == 422
    assert answer.json["field"] == "instances[1]"


@pytest.mark.parametrize(
    ("config", "told"),
    [
        pytest.param(
            {"IMAGE_MAX_DIM": 4096},
            "IMAGE_MAX_DIM is 4096: the network's frame has 16,777,216 pixels; MAX_MOLDED_PIXELS "
            "allows 262,144",
            id="square",
        ),
        pytest.param(
            {"IMAGE_RESIZE_MODE": "pad64", "IMAGE_MIN_DIM": 1024},
            "IMAGE_MIN_DIM is 1024: the network's frame has 1,048,576 pixels or more; "
            "MAX_MOLDED_PIXELS allows 262,144",
            id="pad64",
        ),
    ],
)
def test_settings_that_no_picture_could_satisfy_are_refused_at_load(
    served, config: dict[str, object], told: str
):
    (model,) = served(**config).get("/models").json["models"]
    assert model["state"] == "failed"
    assert told in model["error"]
