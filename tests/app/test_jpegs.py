"""A JPEG's pixels are those that Pillow finds, whoever decodes it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from app.images import ImageLimits
from app.images.decoding import decode
from tests.app.pictures.making import encode, scene

LIMITS = ImageLimits(max_bytes=10_000_000, max_pixels=50_000_000)


@pytest.mark.parametrize("size", [(1, 1), (17, 33), (64, 48), (255, 101)])
@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"subsampling": 0}, id="4:4:4"),
        pytest.param({"subsampling": 1}, id="4:2:2"),
        pytest.param({"subsampling": 2}, id="4:2:0"),
        pytest.param({"quality": 3, "optimize": True}, id="poor"),
        pytest.param({"restart_marker_blocks": 2}, id="restarts"),
        pytest.param({"progressive": True}, id="progressive"),
        pytest.param({"mode": "L"}, id="grey"),
    ],
)
def test_a_jpeg_has_the_pixels_that_pillow_finds(options: dict[str, Any], size: tuple[int, int]):
    options = {"mode": "RGB", "quality": 90, **options}
    photo = scene().resize(size).convert(options.pop("mode"))
    file = encode(photo, "JPEG", **options)
    with Image.open(io.BytesIO(file)) as expected:
        np.testing.assert_array_equal(decode(file, LIMITS), np.asarray(expected.convert("RGB")))


def test_photographs_have_the_pixels_that_pillow_finds(data: Path):
    paths = sorted((data / "coco-tiny").rglob("*.jpg"))
    assert len(paths) > 100
    for path in paths:
        with Image.open(path) as expected:
            upright = ImageOps.exif_transpose(expected).convert("RGB")
            np.testing.assert_array_equal(decode(path.read_bytes(), LIMITS), np.asarray(upright))
