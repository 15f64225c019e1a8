"""Every kind of pixel that PNG, BMP, JPEG and HEIC have is the right colour, or is refused."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image

from app.images import ImageLimits, ImageUnreadableError
from app.images.decoding import decode
from app.images.formats import FORMATS
from tests.app.pictures.crafted import PASSES
from tests.app.pictures.making import chunk, encode, png, scene

LIMITS = ImageLimits(max_bytes=200_000, max_pixels=20_000)
SIZE = (13, 11)
RANDOM = np.random.default_rng(0)


def packed(values: np.ndarray, bits: int) -> np.ndarray:
    """Return numbers [rows, …] of so many bits as bytes, highest bit first."""
    ones = (values.reshape(len(values), -1, 1) >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(ones.reshape(len(values), -1).astype(np.uint8), axis=1)


def numbers(bits: int, *channels: int) -> np.ndarray:
    return RANDOM.integers(0, 1 << bits, (*SIZE[::-1], *channels))


PNG_KINDS = [
    pytest.param(bits, colour, channels, id=f"{bits} bits of colour type {colour}")
    for colour, channels, widths in (
        (0, 1, (1, 2, 4, 8, 16)),
        (2, 3, (8, 16)),
        (3, 1, (1, 2, 4, 8)),
        (4, 2, (8, 16)),
        (6, 4, (8, 16)),
    )
    for bits in widths
]


@pytest.mark.parametrize(("bits", "colour", "channels"), PNG_KINDS)
@pytest.mark.parametrize("is_interlaced", [False, True], ids=["row by row", "interlaced"])
def test_a_png_of_any_kind_has_the_right_colours(
    bits: int, colour: int, channels: int, is_interlaced: bool
):
    values = numbers(bits, channels)
    parts = [values[y::down, x::across] for x, y, across, down in PASSES]
    rows = b"".join(
        b"\0" + row.tobytes()
        for part in (parts if is_interlaced else [values])
        for row in packed(part, bits)
    )
    palette = RANDOM.integers(0, 256, (1 << min(bits, 8), 3), np.uint8)
    extra = chunk(b"PLTE", palette.tobytes()) if colour == 3 else b""
    levels = values >> 8 if bits == 16 else values * 255 // ((1 << bits) - 1)
    expected = levels[..., :3] if channels > 2 else levels[..., :1].repeat(3, axis=2)
    data = png(SIZE, rows, bits=bits, colour=colour, is_interlaced=is_interlaced, extra=extra)
    pixels = decode(data, LIMITS)
    assert np.array_equal(pixels, palette[values[..., 0]] if colour == 3 else expected)


def test_a_png_of_indices_without_a_palette_is_refused():
    with pytest.raises(ImageUnreadableError, match="no palette"):
        decode(png((4, 1), b"\0\0\1\2\3", colour=3), LIMITS)


def test_a_png_whose_header_comes_later_is_refused():
    data = png((1, 1), b"\0\1\2\3")
    with pytest.raises(ImageUnreadableError, match="does not begin with its header"):
        decode(data[:8] + chunk(b"PLTE", bytes(6)) + data[8:], LIMITS)


def bmp(
    rows: np.ndarray,
    bits: int,
    *,
    header: int = 40,
    masks: tuple[int, ...] = (),
    is_top_down: bool = False,
) -> bytes:
    """Return a BMP of rows of bytes, upper row first."""
    padded = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))
    data = (padded if is_top_down else padded[::-1]).tobytes()
    height = -SIZE[1] if is_top_down else SIZE[1]
    compression = 3 if masks else 0
    if header == 12:
        head = struct.pack("<IHHHH", 12, *SIZE, 1, bits)
    else:
        fields = (SIZE[0], height, 1, bits, compression, len(data), 0, 0, 0, 0)
        head = struct.pack("<IiiHHIIiiII", header, *fields)
        words = struct.pack(f"<{len(masks)}I", *masks)
        # The smallest header has the masks behind it, larger ones inside.
        head = head + words if header == 40 else (head + words).ljust(header, b"\0")
    place = 14 + len(head)
    return struct.pack("<2sIHHI", b"BM", place + len(data), 0, 0, place) + head + data


FIELDS = [
    pytest.param(16, (), (0x7C00, 0x3E0, 0x1F), id="16 bits"),
    pytest.param(16, (0x7C00, 0x3E0, 0x1F), (0x7C00, 0x3E0, 0x1F), id="555"),
    pytest.param(16, (0xF800, 0x7E0, 0x1F), (0xF800, 0x7E0, 0x1F), id="565"),
    pytest.param(24, (), (0xFF0000, 0xFF00, 0xFF), id="24 bits"),
    pytest.param(32, (), (0xFF0000, 0xFF00, 0xFF), id="32 bits"),
    pytest.param(32, (0xFF0000, 0xFF00, 0xFF), (0xFF0000, 0xFF00, 0xFF), id="BGRX"),
    pytest.param(32, (0xFF000000, 0xFF0000, 0xFF00), (0xFF000000, 0xFF0000, 0xFF00), id="XBGR"),
]


@pytest.mark.parametrize(("bits", "masks", "expected_masks"), FIELDS)
@pytest.mark.parametrize("header", [40, 56, 108, 124])
@pytest.mark.parametrize("is_top_down", [False, True], ids=["bottom up", "top down"])
def test_a_bmp_of_any_fields_has_the_right_colours(
    bits: int, masks: tuple, expected_masks: tuple, header: int, is_top_down: bool
):
    values = numbers(bits).astype("<u4")
    rows = values.view("u1").reshape(*SIZE[::-1], 4)[..., : bits // 8].reshape(SIZE[1], -1)
    parts = [(values & mask) * 255.0 / mask for mask in expected_masks]
    data = bmp(rows, bits, header=header, masks=masks, is_top_down=is_top_down)
    assert np.abs(decode(data, LIMITS) - np.stack(parts, axis=2)).max() <= 1


def test_a_bmp_of_os_2_has_the_right_colours():
    values = numbers(8, 3)
    rows = values[..., ::-1].astype(np.uint8).reshape(SIZE[1], -1)
    assert np.array_equal(decode(bmp(rows, 24, header=12), LIMITS), values)


@pytest.mark.parametrize("header", [56, 108, 124])
def test_a_bmp_s_own_field_of_transparency_is_a_fourth_channel(header: int):
    values = numbers(8, 4)
    rows = values[..., [2, 1, 0, 3]].astype(np.uint8).reshape(SIZE[1], -1)
    data = bmp(rows, 32, header=header, masks=(0xFF0000, 0xFF00, 0xFF, 0xFF000000))
    assert np.array_equal(decode(data, LIMITS, keep_alpha=True), values)
    assert np.array_equal(decode(data, LIMITS), values[..., :3])


@pytest.mark.parametrize(
    "masks",
    [
        pytest.param((0x1F, 0x7E0, 0xF800), id="BGR 565"),
        pytest.param((0xF00, 0xF0, 0xF), id="444"),
        pytest.param((0xFF00, 0xFF, 0), id="two colours"),
    ],
)
def test_a_bmp_of_fields_that_are_not_known_is_refused(masks: tuple[int, ...]):
    rows = numbers(16).astype("<u2").view("u1").reshape(SIZE[1], -1)
    with pytest.raises(ImageUnreadableError, match="bitfields"):
        decode(bmp(rows, 16, masks=masks), LIMITS)


def segments(photo: bytes) -> tuple[list[bytes], bytes]:
    """Return a JPEG's segments before its scan, and the rest."""
    found, place = [], 2
    while photo[place + 1] != 0xDA:
        end = place + 2 + int.from_bytes(photo[place + 2 : place + 4])
        found.append(photo[place:end])
        place = end
    return found, photo[place:]


def named(segment: bytes, first: int, step: int) -> bytes:
    """Return a frame's or scan's header with its components called R, G and B."""
    renamed = bytearray(segment)
    for index, name in enumerate(b"RGB"):
        renamed[first + step * index] = name
    return bytes(renamed)


@pytest.mark.parametrize("said_by", ["Adobe's transform 0", "the components' names"])
def test_a_jpeg_of_rgb_is_not_taken_for_ycbcr(said_by: str):
    stored = Image.merge("YCbCr", scene().split())
    head, rest = segments(encode(stored, "JPEG", quality=100, subsampling=0))
    head = [segment for segment in head if segment[1] != 0xE0]
    if said_by.startswith("Adobe"):
        head.insert(0, b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0")
    else:
        head = [named(part, 10, 3) if part[1] == 0xC0 else part for part in head]
        rest = named(rest, 5, 2)
    pixels = decode(b"\xff\xd8" + b"".join(head) + rest, LIMITS)
    assert np.abs(pixels.astype(int) - np.asarray(scene())).max() <= 2


def test_a_jpeg_of_12_bits_is_refused():
    photo = encode(scene(), "JPEG")
    place = photo.index(b"\xff\xc0") + 4
    with pytest.raises(ImageUnreadableError, match="12-bit"):
        decode(photo[:place] + b"\x0c" + photo[place + 1 :], LIMITS)


@pytest.mark.skipif("HEIC" not in FORMATS, reason="pillow-heif is not installed")
@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_a_heic_of_more_bits_is_scaled(tmp_path, bits: int, mode: str):
    import pillow_heif

    levels = np.asarray(scene().convert(mode)).astype(np.uint32)
    samples = (levels * ((1 << bits) - 1) // 255).astype(np.uint16)
    path = tmp_path / "photo.heic"
    with path.open("wb") as file:
        pillow_heif.encode(
            f"{mode};{bits}", (80, 60), samples.tobytes(), file, quality=-1, chroma=444
        )
    expected = np.asarray(scene().convert(mode).convert("RGB")).astype(int)
    assert np.abs(decode(path.read_bytes(), LIMITS) - expected).max() <= 1
