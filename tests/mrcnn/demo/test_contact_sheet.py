"""The grid that the demo model's README shows."""

import numpy as np
import pytest
from PIL import Image

from mrcnn.demo.contact_sheet import contact_sheet

RED = np.full((20, 30, 3), (255, 0, 0), np.uint8)


def test_sheet_lays_images_out_row_by_row() -> None:
    blue = Image.new("RGB", (30, 20), "blue")
    sheet = contact_sheet([RED, RED, blue], columns=2)
    pixels = np.asarray(sheet)
    assert (pixels[10, 10] == (255, 0, 0)).all()
    assert (pixels[10, 50] == (255, 0, 0)).all()
    assert (pixels[35, 10] == (0, 0, 255)).all()
    assert (pixels[35, 50] == 255).all()


def test_sheet_is_no_wider_than_its_images() -> None:
    assert contact_sheet([RED], columns=5).width < 2 * RED.shape[1]


def test_captions_take_room_below_their_images() -> None:
    plain = contact_sheet([RED, RED], columns=1)
    captioned = contact_sheet([RED, RED], columns=1, captions=["ring 0.98", "star 0.91"])
    assert captioned.height > plain.height
    below = np.asarray(captioned)[25:38, 4:34]
    assert below.min() < 100


@pytest.mark.parametrize(
    ("count", "columns", "captions"),
    [
        pytest.param(0, 3, None, id="no images"),
        pytest.param(2, 0, None, id="no columns"),
        pytest.param(2, 3, ["only one"], id="a caption missing"),
    ],
)
def test_sheet_refuses_what_it_cannot_lay_out(
    count: int, columns: int, captions: list[str] | None
) -> None:
    with pytest.raises(ValueError, match=r"images"):
        contact_sheet([RED] * count, columns, captions)
