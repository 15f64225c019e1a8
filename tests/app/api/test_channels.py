"""Models of one, three and four channels over HTTP, and files that could not answer."""

from __future__ import annotations

import base64
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image

from app import log
from app.application import create_app
from app.serving.local_client import LocalClient
from app.settings import Settings
from tests.app.api.contract import ContractClient
from tests.mrcnn.saving import nested
from tests.mrcnn.test_detector import photo
from tests.mrcnn.tiny import (
    GREEN_BLUE,
    GREY,
    RED_LAST,
    SETTINGS,
    Groups,
    changed,
    with_channels,
)

pytestmark = pytest.mark.slow

COLOURS = photo(96, 120)
RED_BEHIND = np.dstack([np.zeros((96, 120), np.uint8), COLOURS[:, :, 1:], COLOURS[:, :, 0]])
EQUAL_MEANS = {"MEAN_PIXEL": [120, 120, 120]}


def png(pixels: np.ndarray, mode: str | None = None) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(buffer, "PNG")
    return buffer.getvalue()


def _diverged(groups: Groups) -> None:
    groups["fpn_p3"][0][1][0, 0, 0, 0] = np.nan


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory, tiny_file: Path) -> Path:
    """Return a repository of one network in several files."""
    folder = tmp_path_factory.mktemp("models")

    def put(name: str, config: dict[str, object], **options: object) -> Path:
        place = folder / name / "1"
        place.mkdir(parents=True)
        options["config"] = SETTINGS | config
        (place / "model.yaml").write_text(json.dumps(options))
        return place / f"{name}.h5"

    put("colours", EQUAL_MEANS).symlink_to(tiny_file)
    with_channels(tiny_file, put("grey", {"MEAN_PIXEL": [120]}), GREY)
    four = put("four", {"MEAN_PIXEL": [0, 120, 120, 120]})
    with_channels(tiny_file, four, RED_LAST)
    with_channels(tiny_file, put("meanless", {}), RED_LAST)
    with_channels(tiny_file, put("two", {"MEAN_PIXEL": [1, 1]}), GREEN_BLUE)
    changed(tiny_file, put("wrapped", EQUAL_MEANS), nested("lambda_1", "mask_rcnn"))
    changed(tiny_file, put("diverged", {}), _diverged)
    changed(tiny_file, put("partial", {}, allow_partial=True), _diverged)
    put("mistaken", {"IMAGE_CHANNEL_COUNT": 4}).symlink_to(tiny_file)
    return folder


@pytest.fixture(scope="module")
def log_lines(repository: Path) -> Iterator[io.StringIO]:
    """Return what the log writes; the loggers are put back afterwards."""
    root, own = logging.getLogger(), logging.getLogger("slipway")
    kept = root.handlers[:], root.level, own.level
    stream = io.StringIO()
    log.configure("INFO", stream)
    yield stream
    root.handlers[:] = kept[0]
    root.setLevel(kept[1])
    own.setLevel(kept[2])


@pytest.fixture(scope="module")
def client(repository: Path, log_lines: io.StringIO) -> Iterator[FlaskClient]:
    settings = Settings.from_environment(
        {"MODEL_REPOSITORY": str(repository), "PREDICTION_LOG": "off"}
    )
    inference = LocalClient.start(settings.serving)
    assert inference.wait_until_loaded(120)
    app = create_app(settings, inference)
    app.test_client_class = ContractClient
    yield app.test_client()
    inference.close()


def ask(client: FlaskClient, model: str, picture: bytes, **parameters: Any) -> Any:
    query = {"model": model, **parameters}
    return client.post("/predict", query_string=query, data=picture, content_type="image/png")


def found(client: FlaskClient, model: str, picture: bytes) -> list[dict[str, Any]]:
    answer = ask(client, model, picture, masks="none")
    assert answer.status_code == 200, answer.json
    assert answer.json["instances"]
    return answer.json["instances"]


def assert_alike(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> None:
    """Compare answers but for what sums in another order differ by."""
    assert [i["class_id"] for i in one] == [i["class_id"] for i in other]
    for mine, its in zip(one, other, strict=True):
        assert mine["score"] == pytest.approx(its["score"], abs=1e-3)
        assert list(mine["box"].values()) == pytest.approx(list(its["box"].values()), abs=1)


def state(client: FlaskClient, name: str) -> dict[str, Any]:
    (version,) = client.get(f"/models/{name}").json["versions"]
    return version


@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(png(COLOURS), id="RGB"),
        pytest.param(png(np.dstack([COLOURS, COLOURS[:, :, 0]])), id="RGBA"),
    ],
)
def test_grey_model_takes_the_luminance_of_a_photo(client: FlaskClient, picture: bytes):
    luminance = png(COLOURS, "L")
    assert found(client, "grey", picture) == found(client, "grey", luminance)
    assert_alike(found(client, "grey", picture), found(client, "colours", luminance))


def test_grey_picture_comes_to_a_grey_model_as_it_is(client: FlaskClient):
    levels = np.arange(256, dtype=np.uint8).repeat(64).reshape(128, 128)
    in_colours = png(levels.repeat(3).reshape(128, 128, 3))
    assert found(client, "grey", png(levels)) == found(client, "grey", in_colours)
    assert_alike(found(client, "grey", png(levels)), found(client, "colours", png(levels)))


def test_model_of_four_channels_takes_pictures_of_four(client: FlaskClient):
    answer = found(client, "four", png(RED_BEHIND))
    assert_alike(answer, found(client, "colours", png(COLOURS)))
    opaque = np.dstack([RED_BEHIND[:, :, :3], np.full((96, 120), 255, np.uint8)])
    assert found(client, "four", png(opaque)) != answer


@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(png(COLOURS), id="RGB"),
        pytest.param(png(COLOURS, "L"), id="grey"),
        pytest.param(png(COLOURS, "P"), id="palette"),
    ],
)
def test_model_of_four_channels_says_so_to_other_pictures(client: FlaskClient, picture: bytes):
    answer = ask(client, "four", picture)
    assert answer.status_code == 422
    assert answer.json["type"] == "/problems/input-not-accepted"
    assert answer.json["field"] == "image"
    assert answer.json["detail"] == (
        "the picture has no fourth channel; this model takes pictures of 4, such as a PNG with RGBA"
    )


def test_a_list_names_the_picture_that_lacks_a_channel(client: FlaskClient):
    pictures = [{"b64": base64.b64encode(png(p)).decode()} for p in (RED_BEHIND, COLOURS)]
    answer = client.post("/predict", json={"model": "four", "instances": pictures})
    assert (answer.status_code, answer.json["field"]) == (422, "instances[1]")


def test_model_of_three_channels_drops_the_fourth(client: FlaskClient):
    with_alpha = np.dstack([COLOURS, COLOURS[:, :, 0]])
    assert found(client, "colours", png(with_alpha)) == found(client, "colours", png(COLOURS))


@pytest.mark.parametrize(
    ("model", "pixels"),
    [
        pytest.param("four", RED_BEHIND, id="four channels"),
        pytest.param("grey", COLOURS, id="a grey model"),
        pytest.param("grey", COLOURS[:, :, 0], id="a grey picture"),
        pytest.param("colours", np.dstack([COLOURS, COLOURS[:, :, 0]]), id="alpha"),
    ],
)
def test_overlay_shows_the_colours_of_the_picture(
    client: FlaskClient, model: str, pixels: np.ndarray
):
    answer = ask(client, model, png(pixels), render="png", min_score=1)
    assert answer.status_code == 200, answer.json
    drawn = Image.open(io.BytesIO(answer.data))
    assert drawn.mode == "RGB"
    colours = np.dstack([pixels] * 3) if pixels.ndim == 2 else pixels[:, :, :3]
    assert np.array_equal(np.asarray(drawn), colours)
    marked = np.asarray(Image.open(io.BytesIO(ask(client, model, png(pixels), render="png").data)))
    assert (marked != colours).any()


@pytest.mark.parametrize(("model", "channels"), [("grey", 1), ("colours", 3), ("four", 4)])
def test_models_show_their_channels(client: FlaskClient, model: str, channels: int):
    shown = state(client, model)
    assert shown["architecture"]["input_channels"] == channels
    assert shown["config"]["IMAGE_CHANNEL_COUNT"] == channels
    assert len(shown["config"]["MEAN_PIXEL"]) == channels


@pytest.mark.parametrize(
    ("model", "told"),
    [
        pytest.param(
            "meanless",
            "config: MEAN_PIXEL is not set, and meanless.h5 takes pictures of 4 channels; write "
            "the 4 numbers that its training had: MEAN_PIXEL: [mean of red, of green, of blue, of "
            "the fourth, 0 to 255]",
            id="no mean",
        ),
        pytest.param(
            "two",
            "two.h5 takes pictures of 2 channels; a picture that is sent has 1 (grey), 3 (RGB), "
            "4 (RGBA)",
            id="two channels",
        ),
        pytest.param(
            "mistaken",
            "config: IMAGE_CHANNEL_COUNT is 4, but mistaken.h5 has 3; leave it out, the file says "
            "it",
            id="another count",
        ),
        pytest.param(
            "diverged",
            "diverged.h5: layer fpn_p3: fpn_p3/kernel:0 holds 1 NaN and 0 infinite among 2,304 "
            "numbers: training had diverged when it was saved",
            id="NaN",
        ),
        pytest.param(
            "partial",
            "partial.h5: layer fpn_p3: fpn_p3/kernel:0 holds 1 NaN and 0 infinite among 2,304 "
            "numbers: training had diverged when it was saved",
            id="NaN, and a part would do",
        ),
    ],
)
def test_model_that_could_not_answer_is_refused_at_load(client: FlaskClient, model: str, told: str):
    shown = state(client, model)
    assert (shown["state"], shown["error"]) == ("failed", told)


def test_nested_network_is_served_and_called_so(client: FlaskClient, log_lines: io.StringIO):
    assert found(client, "wrapped", png(COLOURS)) == found(client, "colours", png(COLOURS))
    assert state(client, "wrapped")["nested_in"] == "mask_rcnn"
    assert "nested_in" not in state(client, "colours")
    lines = [json.loads(line) for line in log_lines.getvalue().splitlines()]
    ready = {line["model"]: line for line in lines if line["event"] == "model_ready"}
    assert ready["wrapped"]["nested_in"] == "mask_rcnn"
    assert "nested_in" not in ready["colours"]
