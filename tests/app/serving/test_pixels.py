"""Pixels in shared memory: what is passed can be read as long as it has to be."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from app.serving.pixels import PixelBuffers, PixelsError, check_image, map_pixels

IMAGE = np.random.default_rng(1).integers(0, 256, (30, 40, 3), np.uint8)
FOUR = np.random.default_rng(3).integers(0, 256, (30, 40, 4), np.uint8)
LARGE = np.random.default_rng(2).integers(0, 256, (900, 800, 3), np.uint8)


@pytest.fixture
def buffers() -> PixelBuffers:
    return PixelBuffers()


@pytest.fixture
def descriptor(buffers: PixelBuffers) -> Iterator[int]:
    descriptor = buffers.fill(LARGE)
    yield descriptor
    os.close(descriptor)


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(IMAGE, id="small"),
        pytest.param(LARGE, id="large"),
        pytest.param(IMAGE[::-1, ::2], id="view"),
        pytest.param(FOUR, id="four channels"),
    ],
)
def test_pixels_are_the_same_on_the_other_side(buffers: PixelBuffers, image: NDArray[np.uint8]):
    height, width, channels = image.shape
    for _ in range(3):
        descriptor = buffers.fill(image)
        mapped = map_pixels(descriptor, height, width, channels=channels)
        np.testing.assert_array_equal(mapped, image)
        buffers.keep(descriptor)


def test_pixels_outlive_their_descriptor(buffers: PixelBuffers):
    descriptor = buffers.fill(IMAGE)
    image = map_pixels(descriptor, 30, 40)
    os.close(descriptor)
    np.testing.assert_array_equal(image, IMAGE)


def test_memory_is_used_again_once_it_was_given_back_and_no_sooner(buffers: PixelBuffers):
    first, second = buffers.fill(IMAGE), buffers.fill(IMAGE[::-1])
    image = map_pixels(first, 30, 40)
    buffers.keep(second)
    assert buffers.fill(IMAGE[:, ::-1]) == second
    np.testing.assert_array_equal(map_pixels(second, 30, 40), IMAGE[:, ::-1])
    np.testing.assert_array_equal(image, IMAGE)
    for descriptor in (first, second):
        os.close(descriptor)


def test_little_memory_is_kept(buffers: PixelBuffers):
    before = len(os.listdir("/proc/self/fd"))
    for descriptor in [buffers.fill(IMAGE) for _ in range(20)] + [buffers.fill(LARGE)]:
        buffers.keep(descriptor)
    assert len(os.listdir("/proc/self/fd")) - before == 8
    for descriptor in [buffers.fill(IMAGE) for _ in range(8)]:
        assert os.fstat(descriptor).st_size == 2 << 20
        os.close(descriptor)


def test_memory_goes_with_its_client():
    before = len(os.listdir("/proc/self/fd"))
    buffers = PixelBuffers()
    buffers.keep(buffers.fill(IMAGE))
    del buffers
    assert len(os.listdir("/proc/self/fd")) == before


def test_shared_memory_cannot_be_cut_off_nor_changed_by_who_reads_it(descriptor: int):
    with pytest.raises(PermissionError):
        os.ftruncate(descriptor, 0)
    with pytest.raises(ValueError, match="read-only"):
        map_pixels(descriptor, 900, 800)[0, 0] = 1


@pytest.mark.parametrize(
    ("height", "width"),
    [
        pytest.param(900, 801, id="more"),
        pytest.param(0, 0, id="none"),
        pytest.param(-900, -800, id="negative"),
        pytest.param(1 << 62, 1 << 62, id="absurd"),
    ],
)
def test_a_size_that_the_memory_does_not_have_is_refused(descriptor: int, height: int, width: int):
    with pytest.raises(PixelsError, match="2160000 bytes for"):
        map_pixels(descriptor, height, width)


@pytest.mark.parametrize("channels", [0, 1, 5])
def test_a_count_of_channels_that_no_photo_has_is_refused(descriptor: int, channels: int):
    with pytest.raises(PixelsError, match=f"{channels} channels; a photo has 3 or 4"):
        map_pixels(descriptor, 30, 40, channels=channels)


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
        pytest.param(np.zeros((3, 4, 5), np.uint8), id="five channels"),
    ],
)
def test_only_bytes_of_three_or_four_channels_are_an_image(image: np.ndarray):
    with pytest.raises(ValueError, match=r"uint8 \[height, width, 3 or 4\]"):
        check_image(image)
