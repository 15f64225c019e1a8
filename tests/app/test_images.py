"""Uploaded bytes become upright RGB pixels, or are refused with a reason."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from app.images import (
    ImageError,
    ImageLimits,
    ImageTooLargeError,
    ImageUnreadableError,
    ImageUnrecognisedError,
    decode,
)

LIMITS = ImageLimits(max_bytes=100_000, max_pixels=10_000)


def encode(image: Image.Image, picture_format: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, picture_format, **options)
    return buffer.getvalue()


@pytest.fixture
def picture() -> Image.Image:
    """Return 40 x 30 pixels: red, with the upper left quarter blue."""
    pixels = np.zeros((30, 40, 3), np.uint8)
    pixels[..., 0] = 200
    pixels[:15, :20] = (0, 0, 250)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("picture_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_every_allowed_format_gives_rgb_pixels(picture: Image.Image, picture_format: str):
    pixels = decode(encode(picture, picture_format), LIMITS)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - np.asarray(picture)).mean() < 12


@pytest.mark.parametrize(
    "mode",
    ["1", "L", "LA", "P", "PA", "RGBA", "CMYK", "I;16"],
)
def test_every_kind_of_pixel_becomes_rgb(picture: Image.Image, mode: str):
    image = picture.convert("L" if mode == "I;16" else mode.replace("PA", "P"))
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    data = encode(image, "TIFF" if mode in ("CMYK", "LA") else "PNG")
    assert decode(data, LIMITS).shape == (30, 40, 3)


def test_sixteen_bits_are_scaled_and_not_clipped():
    levels = np.array([[0, 257 * 100, 65535]], np.uint16)
    pixels = decode(encode(Image.fromarray(levels), "PNG"), LIMITS)
    assert pixels[0, :, 0].tolist() == [0, 100, 255]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_turns_the_picture_upright(picture: Image.Image, orientation: int):
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = picture.transpose(turns[orientation]) if orientation in turns else picture
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(stored, "PNG", exif=exif)
    assert np.array_equal(decode(data, LIMITS), np.asarray(picture))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_damaged_exif_block_does_not_refuse_the_picture(picture: Image.Image):
    data = encode(picture, "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert decode(data, LIMITS).shape == (30, 40, 3)


def test_of_an_animation_the_first_frame_counts(picture: Image.Image):
    other = Image.new("RGB", picture.size, "green")
    data = encode(picture, "WEBP", save_all=True, append_images=[other], lossless=True)
    assert np.array_equal(decode(data, LIMITS), np.asarray(picture))


@pytest.mark.parametrize(
    ("data", "error"),
    [
        pytest.param(b"", ImageUnreadableError, id="empty"),
        pytest.param(b"hello, this is text\n" * 9, ImageUnrecognisedError, id="text"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + b"\0" * 50, ImageError, id="header only"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n" * 9, ImageUnrecognisedError, id="postscript"),
    ],
)
def test_what_is_no_picture_is_refused(data: bytes, error: type[ImageError]):
    with pytest.raises(error):
        decode(data, LIMITS)


@pytest.mark.parametrize("picture_format", ["JPEG", "PNG", "WEBP"])
def test_a_truncated_picture_is_refused_as_damaged(picture_format: str):
    noise = np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8)
    data = encode(Image.fromarray(noise), picture_format)
    with pytest.raises(ImageUnreadableError, match="damaged"):
        decode(data[: len(data) // 2], LIMITS)


def test_too_many_pixels_are_refused_before_they_are_decoded():
    data = encode(Image.new("1", (5000, 5000)), "PNG")
    with pytest.raises(ImageTooLargeError, match=r"25,000,000 pixels; at most 10,000") as caught:
        decode(data, LIMITS)
    assert (caught.value.field, caught.value.value) == ("pixels", 25_000_000)


def test_too_many_bytes_are_refused():
    with pytest.raises(ImageTooLargeError, match="100,001 bytes"):
        decode(b"x" * 100_001, LIMITS)
