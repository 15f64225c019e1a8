"""Pixels in shared memory: nobody can change or shorten them once they are passed."""

from __future__ import annotations

import os

import numpy as np
import pytest

from app.serving.pixels import PixelsError, check_image, map_pixels, share_pixels

IMAGE = np.random.default_rng(1).integers(0, 256, (30, 40, 3), np.uint8)


@pytest.fixture
def descriptor():
    descriptor = share_pixels(IMAGE)
    yield descriptor
    os.close(descriptor)


def test_pixels_are_the_same_on_the_other_side(descriptor: int):
    np.testing.assert_array_equal(map_pixels(descriptor, 30, 40), IMAGE)


def test_pixels_outlive_their_descriptor():
    descriptor = share_pixels(IMAGE)
    image = map_pixels(descriptor, 30, 40)
    os.close(descriptor)
    np.testing.assert_array_equal(image, IMAGE)


def test_a_view_of_another_image_is_shared_as_it_looks():
    view = IMAGE[::-1, ::2]
    descriptor = share_pixels(view)
    np.testing.assert_array_equal(map_pixels(descriptor, 30, 20), view)
    os.close(descriptor)


def test_shared_pixels_can_be_neither_changed_nor_cut_off(descriptor: int):
    with pytest.raises(PermissionError):
        os.pwrite(descriptor, b"\0", 0)
    with pytest.raises(PermissionError):
        os.ftruncate(descriptor, 0)
    with pytest.raises(ValueError, match="read-only"):
        map_pixels(descriptor, 30, 40)[0, 0] = 1


@pytest.mark.parametrize(
    ("height", "width"),
    [
        pytest.param(30, 41, id="more"),
        pytest.param(30, 39, id="less"),
        pytest.param(0, 0, id="none"),
        pytest.param(-30, -40, id="negative"),
        pytest.param(1 << 62, 1 << 62, id="absurd"),
    ],
)
def test_another_size_than_announced_is_refused(descriptor: int, height: int, width: int):
    with pytest.raises(PixelsError, match="3600 bytes for"):
        map_pixels(descriptor, height, width)


def test_memory_that_could_shrink_is_refused():
    descriptor = os.memfd_create("test", os.MFD_ALLOW_SEALING)
    os.write(descriptor, IMAGE.tobytes())
    with pytest.raises(PixelsError, match="not sealed"):
        map_pixels(descriptor, 30, 40)
    os.close(descriptor)


def test_a_pipe_is_no_shared_memory():
    ends = os.pipe()
    with pytest.raises(PixelsError, match="no shared memory"):
        map_pixels(ends[0], 30, 40)
    for end in ends:
        os.close(end)


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(IMAGE[..., 0], id="grey"),
        pytest.param(IMAGE.astype(np.float32), id="float"),
        pytest.param(IMAGE[:0], id="empty"),
        pytest.param(np.zeros((3, 4, 4), np.uint8), id="four channels"),
    ],
)
def test_only_rgb_bytes_are_an_image(image: np.ndarray):
    with pytest.raises(ValueError, match=r"uint8 \[height, width, 3\]"):
        check_image(image)
