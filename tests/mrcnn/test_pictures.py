"""Files of pictures on a disk become RGB of 8 bits, as a training set's `load_image` gives them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mrcnn import utils

LEVELS = [0, 1000, 257 * 100, 40_000, 65_535]
EXPECTED = [0, 3, 100, 156, 255]


def load(path: Path) -> np.ndarray:
    """Return a file's picture as Matterport's users load it."""
    dataset = utils.Dataset()
    dataset.add_image("toy", 0, str(path))
    dataset.prepare()
    return dataset.load_image(0)


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm", "jp2"])
def test_a_training_set_s_sixteen_bits_of_grey_are_scaled_and_not_clipped(
    tmp_path: Path, suffix: str
):
    path = tmp_path / f"grey.{suffix}"
    Image.fromarray(np.array([LEVELS], np.uint16)).save(path)
    pixels = load(path)
    assert pixels.dtype == np.uint8
    assert pixels.tolist() == [[[level] * 3 for level in EXPECTED]]


def test_a_training_set_s_numbers_that_are_no_brightness_are_refused(tmp_path: Path):
    path = tmp_path / "heights.tif"
    Image.fromarray(np.array([[-5, 3]], np.float32)).save(path)
    with pytest.raises(ValueError, match="samples from -5 to 3 are no range of brightness"):
        load(path)
