"""POST /predict takes any picture, however it was held, and refuses one with its own problem."""

from __future__ import annotations

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image

from app.images.formats import FORMATS
from tests.app.api.test_problems import check
from tests.app.pictures import bombs, crafted
from tests.app.pictures.making import encode, encode_held, noise, scene, tiff
from tests.app.pictures.tiffs import widened, written

HELD = [
    pytest.param("JPEG", {"quality": 95, "subsampling": 0}, id="jpeg"),
    pytest.param("PNG", {}, id="png"),
    pytest.param("WEBP", {"lossless": True}, id="webp"),
    pytest.param("TIFF", {"compression": "tiff_lzw"}, id="tiff"),
    *(
        [pytest.param("AVIF", {"quality": 100, "subsampling": "4:4:4"}, id="avif")]
        if "AVIF" in FORMATS
        else []
    ),
]


def instances(client: FlaskClient, picture: bytes) -> list[dict]:
    answer = client.post("/predict", data=picture).get_json()
    assert answer["image"] == {"width": 80, "height": 60}
    return answer["instances"]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("picture_format", "options"), HELD)
def test_a_photo_held_in_any_way_has_the_same_instances(
    client: FlaskClient, orientation: int, picture_format: str, options: dict
):
    upright = instances(client, encode(scene(), "PNG"))
    assert [instance["label"] for instance in upright] == ["red", "blue"]
    held = instances(client, encode_held(scene(), orientation, picture_format, **options))
    assert len(held) == len(upright)
    for found, expected in zip(held, upright, strict=True):
        # What a lossy format changes is less than a pixel, and a level or two of its colour.
        assert found["score"] == pytest.approx(expected["score"], abs=0.02)
        assert found | {"score": None} == expected | {"score": None}


@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(crafted.interlaced_png((80, 60)), id="interlaced"),
        pytest.param(encode(scene().convert("CMYK"), "JPEG", quality=95), id="cmyk"),
        pytest.param(encode(scene().quantize(8), "PNG"), id="palette"),
        pytest.param(encode(scene().quantize(8), "GIF"), id="gif"),
        pytest.param(encode(scene().convert("RGBA"), "TIFF"), id="alpha"),
        pytest.param(
            written(widened(np.asarray(scene()), "u2"), "rgb", is_planar=True),
            id="tiff-planes-of-16-bits",
        ),
        pytest.param(
            written(widened(np.asarray(scene()), "u2"), "rgb", is_planar=True, byteorder=">"),
            id="tiff-planes-of-16-bits-big-endian",
        ),
    ],
)
def test_the_same_scene_in_other_pixels_has_the_same_instances(client: FlaskClient, picture: bytes):
    assert [found["label"] for found in instances(client, picture)] == ["red", "blue"]


@pytest.mark.parametrize(
    ("limit", "picture", "slug", "members"),
    [
        pytest.param(
            {"MAX_IMAGE_BYTES": "100"},
            encode(scene(), "PNG"),
            "image-too-large",
            {"unit": "bytes", "value": len(encode(scene(), "PNG")), "limit": 100},
            id="bytes",
        ),
        pytest.param(
            {"MAX_IMAGE_PIXELS": "4799"},
            encode(scene(), "PNG"),
            "image-too-large",
            {"unit": "pixels", "value": 4800, "limit": 4799},
            id="pixels",
        ),
        pytest.param(
            {"MAX_IMAGE_SIDE": "79"},
            encode(scene(), "PNG"),
            "image-too-large",
            {"unit": "pixels on a side", "value": 80, "limit": 79},
            id="side",
        ),
        pytest.param(
            {},
            bombs.jpeg_of_scans((16, 16), 501),
            "image-too-large",
            {"unit": "scans", "value": 501, "limit": 500},
            id="scans",
        ),
        pytest.param(
            {"MAX_IMAGE_FRAMES": "2"},
            bombs.gif((4, 4), (4, 4), frames=3),
            "image-too-many-frames",
            {"unit": "frames", "value": 3, "limit": 2},
            id="frames",
        ),
    ],
)
def test_every_limit_is_told_with_the_value_that_is_over_it(
    start_app, limit: dict, picture: bytes, slug: str, members: dict
):
    client = start_app(**limit).test_client()
    problem = check(client.post("/predict", data=picture), 413, slug)
    assert problem["field"] == "image"
    assert members == {name: problem[name] for name in members}
    assert f"{members['limit']:,}" in problem["detail"]


def test_a_picture_that_takes_too_long_is_told_how_long_it_may(start_app):
    client = start_app(DECODE_TIMEOUT_S="0.01").test_client()
    slow = bombs.jpeg_of_scans((2000, 2000), 500)
    problem = check(client.post("/predict", data=slow), 422, "image-decode-timeout")
    assert (problem["unit"], problem["limit"]) == ("seconds", 0.01)


def test_an_unknown_format_is_told_which_are_taken(client: FlaskClient):
    problem = check(client.post("/predict", data=b"hello"), 415, "image-unrecognised")
    assert problem["allowed"] == list(FORMATS)


def test_damage_is_told_with_the_format(client: FlaskClient):
    damaged = encode(noise((64, 64)), "JPEG")[:-500]
    problem = check(client.post("/predict", data=damaged), 422, "image-unreadable")
    assert "the JPEG picture is damaged" in problem["detail"]


def test_a_tiff_that_is_not_read_is_told_by_its_tags(client: FlaskClient):
    odd = tiff(np.zeros((8, 6, 3), np.uint8), {258: [24] * 3, 284: [2]})
    problem = check(client.post("/predict", data=odd), 422, "image-unreadable")
    assert "PlanarConfiguration 2" in problem["detail"]
    assert "3 unsigned samples of 24 bits is not read" in problem["detail"]


def test_all_of_one_colour_is_a_picture_too(client: FlaskClient):
    assert client.post("/predict", data=encode(Image.new("1", (1, 1)), "PNG")).status_code == 200
