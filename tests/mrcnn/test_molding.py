"""Photos into the network's frame: the resize bit for bit, the padding, the mean, the meta."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from mrcnn.molding import (
    compose_image_meta,
    mold_image,
    molded_size,
    parse_image_meta,
    resize_bilinear,
    subtract_mean,
)


def photo(height: int, width: int, darkest: int = 0) -> np.ndarray:
    values = (np.arange(height * width * 3) * 7919 + 13) % 251
    return np.maximum(values.reshape(height, width, 3).astype(np.uint8), darkest)


# sha256 of the bytes of scikit-image 0.26's
# resize(photo, size, order=1, mode="constant", anti_aliasing=False, preserve_range=True)
@pytest.mark.parametrize(
    ("image", "size", "digest"),
    [
        pytest.param(photo(48, 64), (83, 62), "99d2f94ebe5b98f9", id="taller and narrower"),
        pytest.param(photo(64, 48), (20, 15), "81264e8ed7c34583", id="smaller"),
        pytest.param(photo(40, 30, 60), (64, 48), "0da44b2470ffc13f", id="no dark value"),
        pytest.param(photo(5, 7), (5, 7), "cd6bf63caba20d23", id="same size"),
        pytest.param(photo(1, 1), (6, 9), "1d2dd9ceb0a49712", id="one pixel"),
        pytest.param(photo(37, 53), (101, 29), "a687c069ff82ca28", id="odd sizes"),
    ],
)
def test_resize_equals_scikit_image_bit_for_bit(image, size, digest):
    resized = resize_bilinear(image, size)
    assert resized.dtype == np.float64
    assert hashlib.sha256(resized.tobytes()).hexdigest().startswith(digest)


def test_rim_blends_with_black_where_the_photo_has_black():
    image = np.full((8, 8, 3), 200, np.uint8)
    image[4, 4] = 0
    resized = resize_bilinear(image, (16, 16))
    assert resized[0, 0, 0] == 200 * 0.75 * 0.75


def test_rim_is_no_darker_than_the_darkest_pixel():
    image = np.full((8, 8, 3), 200, np.uint8)
    image[4, 4] = 190
    assert resize_bilinear(image, (16, 16)).min() == 190


@pytest.mark.parametrize(
    ("pixels", "size"),
    [
        pytest.param(np.zeros(4), (2, 2), id="a row"),
        pytest.param(np.zeros((0, 4)), (2, 2), id="empty"),
        pytest.param(np.zeros((4, 4)), (0, 2), id="to nothing"),
    ],
)
def test_resize_refuses_what_has_no_pixels(pixels, size):
    with pytest.raises(ValueError, match="cannot resize"):
        resize_bilinear(pixels, size)


def test_square_mode_never_shrinks_below_the_limit_and_centres_the_photo():
    molded = mold_image(photo(100, 60), mode="square", min_dim=80, max_dim=120)
    assert molded.scale == 120 / 100
    assert molded.window == (0, 24, 120, 96)
    assert molded.padding == ((0, 0), (24, 24), (0, 0))
    assert molded.pixels.shape == (120, 120, 3)
    assert molded.original_shape == (100, 60, 3)


def test_square_mode_keeps_a_photo_that_is_large_enough():
    image = photo(50, 71)
    molded = mold_image(image, mode="square", min_dim=40, max_dim=80)
    assert molded.scale == 1
    assert molded.window == (15, 4, 65, 75)  # the odd pixel goes below and right
    assert np.array_equal(molded.pixels[15:65, 4:75], image)
    assert not molded.pixels[:15].any()


@pytest.mark.parametrize(
    ("size", "frame"),
    [
        pytest.param((480, 640), (192, 256), id="4 to 3"),
        pytest.param((640, 427), (256, 192), id="no multiple of 64"),
        pytest.param((90, 160), (192, 256), id="16 to 9, enlarged"),
        pytest.param((256, 256), (256, 256), id="the square itself"),
        pytest.param((3, 900), (64, 256), id="hair-thin"),
    ],
)
def test_tight_frame_is_the_square_without_the_padding_that_no_multiple_of_64_needs(size, frame):
    square, tight = (
        mold_image(
            photo(*size), mode="square", min_dim=192, max_dim=256, min_scale=0, is_tight=is_tight
        )
        for is_tight in (False, True)
    )
    assert tight.pixels.shape[:2] == frame
    assert frame == molded_size(size, mode="square", min_dim=192, max_dim=256, is_tight=True)
    assert (tight.scale, tight.original_shape) == (square.scale, square.original_shape)
    shown = [
        molded.pixels[top:bottom, left:right]
        for molded in (square, tight)
        for top, left, bottom, right in [molded.window]
    ]
    assert np.array_equal(*shown)
    assert tight.pixels.sum(dtype=np.int64) == shown[1].sum(dtype=np.int64)


def test_resized_values_are_truncated_not_rounded():
    molded = mold_image(photo(20, 20), mode="square", min_dim=30, max_dim=30)
    exact = resize_bilinear(photo(20, 20), (30, 30))
    assert np.array_equal(molded.pixels, np.floor(exact))
    assert not np.array_equal(molded.pixels, np.round(exact))


def test_pad64_mode_ignores_max_dim_and_pads_to_multiples_of_64():
    molded = mold_image(photo(65, 128), mode="pad64", min_dim=64, max_dim=10)
    assert molded.scale == 1
    assert molded.pixels.shape == (128, 128, 3)
    assert molded.window == (31, 0, 96, 128)


def test_min_scale_enlarges_beyond_min_dim():
    molded = mold_image(photo(64, 64), mode="pad64", min_dim=64, max_dim=None, min_scale=2.0)
    assert molded.scale == 2
    assert molded.pixels.shape == (128, 128, 3)


def test_none_mode_changes_nothing():
    image = photo(64, 128)
    molded = mold_image(image, mode="none", min_dim=800, max_dim=1024)
    assert molded.pixels is image
    assert molded.window == (0, 0, 64, 128)


def test_crop_mode_cuts_the_same_square_from_the_same_seed():
    image = photo(40, 90)
    first, second = (
        mold_image(image, mode="crop", min_dim=32, max_dim=None, rng=np.random.default_rng(5))
        for _ in range(2)
    )
    assert first.crop == second.crop
    top, left, height, width = first.crop
    assert np.array_equal(first.pixels, image[top : top + height, left : left + width])
    assert first.window == (0, 0, 32, 32)


def test_hair_thin_photo_keeps_a_pixel():
    molded = mold_image(photo(2, 5000), mode="square", min_dim=100, max_dim=128)
    assert molded.window == (63, 0, 64, 128)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        pytest.param(np.zeros((8, 8), np.uint8), r"not \[8, 8\]", id="grey"),
        pytest.param(np.zeros((0, 8, 3), np.uint8), r"not \[0, 8, 3\]", id="empty"),
        pytest.param(np.zeros((8, 8, 3), np.float32), "not float32", id="floats"),
    ],
)
def test_only_bytes_of_channels_are_molded(image, message):
    with pytest.raises(ValueError, match=message):
        mold_image(image, mode="square", min_dim=8, max_dim=8)


@pytest.mark.parametrize(
    ("mode", "min_dim", "max_dim", "message"),
    [
        pytest.param("letterbox", 64, 64, "'letterbox' is not one of", id="unknown"),
        pytest.param("square", 64, None, "needs max_dim", id="square without a side"),
        pytest.param("pad64", 100, None, "multiple of 64", id="pad64 of 100"),
        pytest.param("crop", 0, None, "needs min_dim", id="crop of nothing"),
    ],
)
def test_impossible_mode_says_what_is_missing(mode, min_dim, max_dim, message):
    with pytest.raises(ValueError, match=message):
        mold_image(photo(8, 8), mode=mode, min_dim=min_dim, max_dim=max_dim)


def test_mean_is_subtracted_in_float64():
    pixels = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    mean = [123.7, 116.8, 103.9]
    expected = (pixels.astype(np.float64) - mean).astype(np.float32)
    in_float32 = pixels.astype(np.float32) - np.array(mean, np.float32)
    assert np.array_equal(subtract_mean(pixels, mean), expected)
    assert not np.array_equal(in_float32, expected)


def test_padding_becomes_minus_the_mean():
    molded = mold_image(photo(10, 20), mode="square", min_dim=10, max_dim=64)
    padded = subtract_mean(molded.pixels, [1.5, 2.5, 3.5])[0, 0]
    assert padded.tolist() == [-1.5, -2.5, -3.5]


def test_meta_comes_apart_as_it_was_put_together():
    meta = compose_image_meta(
        image_id=7,
        original_shape=(640, 480, 3),
        molded_shape=(1024, 1024, 3),
        window=(0, 128, 1024, 896),
        scale=1.6,
        active_class_ids=[0, 1, 1],
    )
    assert meta.shape == (15,)
    parsed = parse_image_meta(meta[None])
    assert parsed["image_id"].tolist() == [7]
    assert parsed["original_image_shape"].tolist() == [[640, 480, 3]]
    assert parsed["image_shape"].tolist() == [[1024, 1024, 3]]
    assert parsed["window"].tolist() == [[0, 128, 1024, 896]]
    assert parsed["scale"].tolist() == [np.float32(1.6)]
    assert parsed["active_class_ids"].tolist() == [[0, 1, 1]]
