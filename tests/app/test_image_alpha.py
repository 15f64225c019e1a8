"""Who asks for it gets a picture's fourth channel beside its colours, as it is stored."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from PIL import Image

from app.images import ImageLimits
from app.images.decoding import decode
from app.images.formats import FORMATS
from tests.app.pictures.making import chunk, encode, encode_held, png, scene, tiff

LIMITS = ImageLimits(max_bytes=200_000, max_pixels=20_000)
SIZE = (80, 60)


def fourth() -> np.ndarray:
    """Return a channel [60, 80] in which every column has a level of its own."""
    return np.broadcast_to(np.arange(0, 240, 3, np.uint8), SIZE[::-1]).copy()


def with_fourth() -> np.ndarray:
    return np.dstack([np.asarray(scene(SIZE)), fourth()])


def wide(samples: np.ndarray, order: str = ">") -> np.ndarray:
    """Return samples of 16 bits whose upper halves are the given ones."""
    return (samples.astype(np.uint16) * 256 + 77).astype(order + "u2")


def rows(samples: np.ndarray) -> bytes:
    return b"".join(b"\0" + row.tobytes() for row in samples)


def grey_and_fourth() -> np.ndarray:
    return with_fourth()[..., [0, 3]]


STORED = [
    pytest.param(lambda: encode(Image.fromarray(with_fourth()), "PNG"), id="png"),
    pytest.param(lambda: png(SIZE, rows(wide(with_fourth())), bits=16, colour=6), id="png-16"),
    pytest.param(
        lambda: encode(Image.fromarray(with_fourth()), "WEBP", lossless=True, exact=True),
        id="webp",
    ),
    *(
        pytest.param(lambda kind=kind, made=made: tiff(made(with_fourth()), {338: kind}), id=name)
        for name, kind, made in (
            ("tiff-unassociated", [2], lambda samples: samples),
            ("tiff-unspecified", [0], lambda samples: samples),
            ("tiff-unsaid", [], lambda samples: samples),
            ("tiff-16-unassociated", [2], lambda samples: wide(samples, "<")),
            ("tiff-16-unspecified-big-endian", [0], wide),
        )
    ),
]


@pytest.mark.parametrize("data", STORED)
def test_a_fourth_channel_is_kept_as_it_is_stored_and_the_colours_with_it(data):
    assert np.array_equal(decode(data(), LIMITS, keep_alpha=True), with_fourth())
    assert np.array_equal(decode(data(), LIMITS), with_fourth()[..., :3])


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(lambda: png(SIZE, rows(grey_and_fourth()), colour=4), id="png"),
        pytest.param(
            lambda: png(SIZE, rows(wide(grey_and_fourth())), bits=16, colour=4), id="png-16"
        ),
        pytest.param(lambda: tiff(grey_and_fourth(), {338: [2]}), id="tiff-unassociated"),
        pytest.param(lambda: tiff(grey_and_fourth(), {338: [0]}), id="tiff-unspecified"),
    ],
)
def test_a_grey_picture_s_second_channel_is_the_fourth_of_its_colours(data):
    assert np.array_equal(decode(data(), LIMITS, keep_alpha=True), with_fourth()[..., [0, 0, 0, 3]])


@pytest.mark.parametrize("picture_format", ["AVIF", "HEIC"])
def test_what_is_transparent_in_a_film_s_picture_format_is_kept(picture_format: str):
    if picture_format not in FORMATS:
        pytest.skip(f"this installation has no {picture_format}")
    if importlib.util.find_spec("pillow_heif"):
        import pillow_heif

        pillow_heif.register_heif_opener()
    native = {"HEIC": "HEIF"}.get(picture_format, picture_format)
    data = encode(Image.fromarray(with_fourth()), native, quality=95)
    pixels = decode(data, LIMITS, keep_alpha=True)
    assert pixels.shape == (60, 80, 4)
    assert np.abs(pixels[..., 3].astype(int) - fourth()).max() <= 3
    assert np.array_equal(pixels[..., :3], decode(data, LIMITS))


def test_associated_transparency_is_kept_and_its_colours_are_those_without_it():
    data = tiff(np.array([[[50, 25, 0, 128], [200, 100, 0, 255]]], np.uint8), {338: [1]})
    pixels = decode(data, LIMITS, keep_alpha=True)
    assert pixels[0].tolist() == [[99, 49, 0, 128], [200, 100, 0, 255]]
    assert np.array_equal(pixels[..., :3], decode(data, LIMITS))


OPAQUE, CLEAR = 255, 0


@pytest.mark.parametrize(
    ("bits", "colour", "samples", "key", "expected"),
    [
        pytest.param(1, 0, b"\x40", b"\0\1", [OPAQUE, CLEAR, OPAQUE, OPAQUE], id="grey-1"),
        pytest.param(2, 0, b"\x1b", b"\0\2", [OPAQUE, OPAQUE, CLEAR, OPAQUE], id="grey-2"),
        pytest.param(4, 0, b"\x5a\x0a", b"\0\x0a", [OPAQUE, CLEAR, OPAQUE, CLEAR], id="grey-4"),
        pytest.param(8, 0, b"\1\2\3\2", b"\0\2", [OPAQUE, CLEAR, OPAQUE, CLEAR], id="grey-8"),
        pytest.param(
            16, 0, b"\1\2\1\3\1\2\2\2", b"\1\2", [CLEAR, OPAQUE, CLEAR, OPAQUE], id="grey-16"
        ),
        pytest.param(
            8, 2, b"abcabdabcxbc", b"\0a\0b\0c", [CLEAR, OPAQUE, CLEAR, OPAQUE], id="colours-8"
        ),
        pytest.param(
            16,
            2,
            b"aAbBcC" + b"aAbBc!" + b"a!bBcC" + b"aAbBcC",
            b"aAbBcC",
            [CLEAR, OPAQUE, OPAQUE, CLEAR],
            id="colours-16",
        ),
        pytest.param(1, 3, b"\x50", b"\x07", [7, OPAQUE, 7, OPAQUE], id="palette-1"),
        pytest.param(2, 3, b"\x1b", b"\x07\x08\x09", [7, 8, 9, OPAQUE], id="palette-2"),
        pytest.param(4, 3, b"\x01\x20", b"\x07\x08", [7, 8, OPAQUE, 7], id="palette-4"),
        pytest.param(8, 3, b"\0\1\1\2", b"\x07\x08", [7, 8, 8, OPAQUE], id="palette-8"),
    ],
)
def test_a_png_s_transparent_colours_become_a_fourth_channel(
    bits: int, colour: int, samples: bytes, key: bytes, expected: list[int]
):
    palette = chunk(b"PLTE", bytes(range(48))[: 3 << bits]) if colour == 3 else b""
    data = png((4, 1), b"\0" + samples, bits=bits, colour=colour, extra=palette)
    assert decode(data, LIMITS, keep_alpha=True).shape == (1, 4, 3)
    extra = palette + chunk(b"tRNS", key)
    data = png((4, 1), b"\0" + samples, bits=bits, colour=colour, extra=extra)
    pixels = decode(data, LIMITS, keep_alpha=True)
    assert pixels[0, :, 3].tolist() == expected
    assert np.array_equal(pixels[..., :3], decode(data, LIMITS))


@pytest.mark.parametrize(
    "remark",
    [
        pytest.param(chunk(b"tRNS", b"\0"), id="too short"),
        pytest.param(chunk(b"tRNS", bytes(300)), id="too long"),
        pytest.param(chunk(b"tRNS", bytes(6))[:-1] + b"?", id="wrong checksum"),
    ],
)
def test_transparent_colours_that_cannot_be_read_refuse_no_picture(remark: bytes):
    data = png((1, 1), b"\0\1\2\3", extra=remark)
    assert decode(data, LIMITS, keep_alpha=True).tolist() == [[[1, 2, 3]]]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(lambda: encode(scene(), "PNG"), id="rgb"),
        pytest.param(lambda: encode(scene().convert("L"), "PNG"), id="grey"),
        pytest.param(lambda: encode(scene().convert("CMYK"), "JPEG"), id="jpeg-cmyk"),
        pytest.param(lambda: encode(scene().convert("CMYK"), "TIFF"), id="tiff-cmyk"),
        pytest.param(lambda: encode(scene().convert("LAB"), "TIFF"), id="lab"),
        pytest.param(lambda: encode(scene(), "WEBP"), id="webp"),
        pytest.param(lambda: tiff(np.zeros((60, 80, 5), np.uint8), {338: [0, 0]}), id="five"),
    ],
)
def test_a_picture_of_colours_alone_stays_three_channels(data):
    assert decode(data(), LIMITS, keep_alpha=True).shape == (60, 80, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_fourth_channel_is_turned_with_the_colours(orientation: int):
    data = encode_held(Image.fromarray(with_fourth()), orientation, "PNG")
    assert np.array_equal(decode(data, LIMITS, keep_alpha=True), with_fourth())
