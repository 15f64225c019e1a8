"""Uploaded bytes become upright RGB pixels, whatever kind of picture they are."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from PIL import Image, ImageCms, features
from PIL.PngImagePlugin import PngInfo

from app.images import ImageError, ImageLimits, ImageUnreadableError
from app.images.decoding import decode, measure
from app.images.formats import FORMATS
from tests.app.pictures.making import (
    ORIENTATION,
    chunk,
    encode,
    encode_held,
    exif_of,
    held,
    noise,
    png,
    scene,
    tiff,
)

LIMITS = ImageLimits(max_bytes=200_000, max_pixels=20_000)
NATIVE = {"WebP": "WEBP", "HEIC": "HEIF"}


@pytest.fixture
def picture() -> Image.Image:
    """Return 40 x 30 pixels: red, with the upper left quarter blue."""
    pixels = np.zeros((30, 40, 3), np.uint8)
    pixels[..., 0] = 200
    pixels[:15, :20] = (0, 0, 250)
    return Image.fromarray(pixels)


@pytest.fixture(autouse=True, scope="module")
def _heic_encoder() -> None:
    if importlib.util.find_spec("pillow_heif"):
        import pillow_heif

        pillow_heif.register_heif_opener()


def test_the_formats_are_those_that_this_installation_decodes():
    expected = ["JPEG", "PNG", "WebP", "GIF", "BMP", "TIFF"]
    expected += ["AVIF"] if features.check("avif") else []
    expected += ["HEIC"] if importlib.util.find_spec("pillow_heif") else []
    assert list(FORMATS) == expected


@pytest.mark.parametrize("picture_format", FORMATS)
def test_every_format_gives_rgb_pixels(picture: Image.Image, picture_format: str):
    data = encode(picture, NATIVE.get(picture_format, picture_format))
    pixels = decode(data, LIMITS)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - np.asarray(picture)).mean() < 12
    assert measure(data, LIMITS) == (40, 30)


LOSSLESS = [
    pytest.param("PNG", {}, id="png"),
    pytest.param("WEBP", {"lossless": True}, id="webp"),
    pytest.param("TIFF", {}, id="tiff"),
    pytest.param("TIFF", {"compression": "tiff_lzw"}, id="tiff-lzw"),
]
LOSSY = [
    pytest.param("JPEG", {"quality": 95, "subsampling": 0}, id="jpeg"),
    pytest.param("JPEG", {"quality": 95, "progressive": True}, id="jpeg-progressive"),
    pytest.param("WEBP", {"quality": 95}, id="webp"),
    *([pytest.param("AVIF", {"quality": 95}, id="avif")] if "AVIF" in FORMATS else []),
    *([pytest.param("HEIF", {"quality": 95}, id="heic")] if "HEIC" in FORMATS else []),
]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("picture_format", "options"), LOSSLESS)
def test_a_lossless_photo_held_in_any_way_gives_the_same_pixels(
    picture: Image.Image, orientation: int, picture_format: str, options: dict
):
    data = encode_held(picture, orientation, picture_format, **options)
    assert np.array_equal(decode(data, LIMITS), np.asarray(picture))
    assert measure(data, LIMITS) == (40, 30)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("picture_format", "options"), LOSSY)
def test_a_lossy_photo_held_in_any_way_gives_nearly_the_same_pixels(
    picture: Image.Image, orientation: int, picture_format: str, options: dict
):
    pixels = decode(encode_held(picture, orientation, picture_format, **options), LIMITS)
    assert pixels.shape == (30, 40, 3)
    assert np.abs(pixels.astype(int) - np.asarray(picture)).mean() < 8


@pytest.mark.parametrize("where", ["before", "after"])
def test_exif_counts_on_either_side_of_a_png_s_pixels(picture: Image.Image, where: str):
    plain = encode(held(picture, 6), "PNG")
    exif = chunk(b"eXIf", exif_of(6).removeprefix(b"Exif\0\0"))
    place = plain.index(b"IDAT") - 4 if where == "before" else len(plain) - 12
    data = plain[:place] + exif + plain[place:]
    assert np.array_equal(decode(data, LIMITS), np.asarray(picture))


@pytest.mark.parametrize("kind", [1, 3, 4], ids=["byte", "short", "long"])
def test_an_orientation_of_any_whole_number_type_counts(picture: Image.Image, kind: int):
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12" + bytes([0, kind, 0, 0, 0, 1])
    exif += (8).to_bytes({1: 1, 3: 2, 4: 4}[kind]).ljust(4, b"\0") + bytes(4)
    data = encode(held(picture, 8), "WEBP", lossless=True, exif=exif)
    assert np.array_equal(decode(data, LIMITS), np.asarray(picture))


def test_only_exif_turns_a_picture_and_no_other_remark(picture: Image.Image):
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6"/></x:xmpmeta>'
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", xmp.decode())
    remarks = {
        "PNG": {"pnginfo": text},
        "WEBP": {"lossless": True, "xmp": xmp},
        "TIFF": {"tiffinfo": {700: xmp}},
    }
    for picture_format, options in remarks.items():
        data = encode(picture, picture_format, **options)
        assert xmp in data
        assert np.array_equal(decode(data, LIMITS), np.asarray(picture))


MALFORMED_EXIF = [
    pytest.param(b"", id="empty"),
    pytest.param(b"Exif\0\0", id="signature alone"),
    pytest.param(b"Exif\0\0MM\0*\xff\xff\xff\xff", id="directory beyond the end"),
    pytest.param(b"Exif\0\0XX\0*\0\0\0\x08", id="no byte order"),
    pytest.param(b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x12\x01" * 40, id="lying count"),
    pytest.param(exif_of(6)[:-8], id="cut off"),
    pytest.param(exif_of(9), id="orientation 9"),
    pytest.param(exif_of(0), id="orientation 0"),
    pytest.param(b"Exif\0\0" * 5000, id="signatures without end"),
    pytest.param(bytes(range(256)) * 8, id="bytes of any kind"),
]


@pytest.mark.parametrize("exif", MALFORMED_EXIF)
@pytest.mark.parametrize("picture_format", ["JPEG", "PNG", "WEBP"])
def test_malformed_exif_refuses_no_picture(picture: Image.Image, picture_format: str, exif: bytes):
    data = encode(picture, picture_format, exif=exif or b"Exif\0\0", quality=95)
    assert np.abs(decode(data, LIMITS).astype(int) - np.asarray(picture)).mean() < 8


@pytest.mark.skipif("AVIF" not in FORMATS, reason="this Pillow has no AVIF")
@pytest.mark.parametrize("exif", MALFORMED_EXIF[2:])
def test_malformed_exif_refuses_no_avif(picture: Image.Image, exif: bytes):
    sound = Image.Exif()
    sound[0x0131] = "x" * 9000
    data = encode(picture, "AVIF", exif=sound, quality=95)
    at = data.index(b"x" * 9000) - 26
    assert data[at : at + 2] in (b"II", b"MM")
    broken = exif.removeprefix(b"Exif\0\0")[:8000]
    data = data[:at] + broken + data[at + len(broken) :]
    assert np.abs(decode(data, LIMITS).astype(int) - np.asarray(picture)).mean() < 8


def test_an_ancillary_chunk_with_a_wrong_checksum_refuses_no_picture(picture: Image.Image):
    plain = encode(picture, "PNG")
    place = plain.index(b"IDAT") - 4
    broken = chunk(b"tEXt", b"Comment\0hello")[:-1] + b"?"
    data = plain[:place] + broken + plain[place:]
    assert np.array_equal(decode(data, LIMITS), np.asarray(picture))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGBA", "CMYK", "YCbCr", "I", "F"])
@pytest.mark.parametrize("picture_format", ["PNG", "TIFF", "WEBP", "GIF", "BMP", "JPEG", "AVIF"])
def test_every_kind_of_pixel_becomes_rgb(mode: str, picture_format: str):
    if picture_format not in {NATIVE.get(name, name) for name in FORMATS}:
        pytest.skip(f"this Pillow has no {picture_format}")
    grey = Image.new("RGB", (40, 30), (255, 255, 255))
    image = grey.convert("P").convert("PA") if mode == "PA" else grey.convert(mode)
    try:
        data = encode(image, picture_format)
    except (OSError, ValueError):
        return  # a format without that kind
    pixels = decode(data, LIMITS)
    assert pixels.shape == (30, 40, 3)
    assert pixels.min() >= 250


def test_a_palette_with_alpha_gives_the_palette_s_colours():
    image = Image.new("P", (4, 1))
    image.putpalette([200, 100, 50, 1, 2, 3])
    image.putdata([0, 1, 0, 1])
    for options in ({"transparency": 0}, {"transparency": b"\x10\xff"}):
        pixels = decode(encode(image, "PNG", **options), LIMITS)
        assert pixels[0].tolist() == [[200, 100, 50], [1, 2, 3]] * 2


@pytest.mark.parametrize("size", [(1, 50), (50, 1), (1, 1)], ids=["1xN", "Nx1", "1x1"])
@pytest.mark.parametrize("picture_format", FORMATS)
def test_a_picture_of_one_row_or_column_is_a_picture(picture_format: str, size: tuple[int, int]):
    native = NATIVE.get(picture_format, picture_format)
    pixels = decode(encode(Image.new("RGB", size, (200, 100, 50)), native), LIMITS)
    assert pixels.shape == (size[1], size[0], 3)
    assert np.abs(pixels.astype(int) - (200, 100, 50)).max() < 6


LEVELS = [0, 1000, 257 * 100, 40_000, 65_535]
EXPECTED = [0, 3, 100, 156, 255]


@pytest.mark.parametrize("order", ["<", ">"], ids=["little endian", "big endian"])
@pytest.mark.parametrize(
    ("kind", "scale"),
    [
        pytest.param("u2", 1, id="16 bits"),
        pytest.param("u4", 1, id="16 bits in 32"),
        pytest.param("i4", 1, id="16 bits in 32 signed"),
        pytest.param("u4", 65_537, id="32 bits"),
        pytest.param("f4", 1, id="16 bits in a float"),
        pytest.param("f4", 1 / 65_535, id="float from 0 to 1"),
        pytest.param("f4", 255 / 65_535, id="float from 0 to 255"),
    ],
)
def test_wide_grey_samples_are_scaled_and_not_clipped(order: str, kind: str, scale: float):
    samples = (np.array([LEVELS]) * scale).astype(order + kind)
    for tags, expected in (({}, EXPECTED), ({262: [0]}, [255 - level for level in EXPECTED])):
        pixels = decode(tiff(samples, tags), LIMITS)
        assert np.abs(pixels[0, :, 0].astype(int) - expected).max() <= 1
        assert np.array_equal(pixels[..., 0], pixels[..., 2])


@pytest.mark.parametrize("order", ["<", ">"], ids=["little endian", "big endian"])
@pytest.mark.parametrize("bands", [3, 4])
def test_wide_colours_are_scaled_and_not_clipped(order: str, bands: int):
    samples = np.full((1, 5, bands), 30_000, order + "u2")
    samples[0, :, 0] = LEVELS
    rows = b"\0" + samples.astype(">u2").tobytes()
    pictures = [tiff(samples), png((5, 1), rows, bits=16, colour={3: 2, 4: 6}[bands])]
    for data in pictures:
        pixels = decode(data, LIMITS)
        assert pixels[0, :, 0].tolist() == EXPECTED
        assert set(pixels[0, :, 1]) == {117}


def test_sixteen_bits_of_grey_in_a_png_are_scaled_and_not_clipped():
    pixels = decode(encode(Image.fromarray(np.array([LEVELS], np.uint16)), "PNG"), LIMITS)
    assert pixels[0, :, 0].tolist() == EXPECTED
    with_alpha = np.array([[[level, 65_535] for level in LEVELS]], ">u2").tobytes()
    pixels = decode(png((5, 1), b"\0" + with_alpha, bits=16, colour=4), LIMITS)
    assert pixels[0, :, 0].tolist() == EXPECTED


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param(np.array([[-1, 5]], "<i2"), id="negative"),
        pytest.param(np.array([[0, np.nan]], "<f4"), id="not a number"),
        pytest.param(np.array([[0, np.inf]], "<f4"), id="infinite"),
        pytest.param(np.array([[0, 1e20]], "<f4"), id="huge"),
    ],
)
def test_numbers_that_are_no_brightness_are_refused_with_their_range(samples: np.ndarray):
    with pytest.raises(ImageUnreadableError, match="samples"):
        decode(tiff(samples), LIMITS)


def test_premultiplied_and_lab_pixels_are_converted():
    extra = tiff(np.array([[[50, 128], [200, 255]]], np.uint8), {338: [1]})
    assert decode(extra, LIMITS)[0, :, 0].tolist() == [99, 200]
    red = Image.new("RGB", (2, 2), (200, 30, 30))
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    lab = ImageCms.profileToProfile(red, *profiles, outputMode="LAB")
    assert np.abs(decode(encode(lab, "TIFF"), LIMITS).astype(int) - (200, 30, 30)).max() <= 4


def test_cmyk_jpegs_are_understood_as_adobe_writes_them():
    cmyk = encode(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=100)
    assert np.abs(decode(cmyk, LIMITS).astype(int) - (255, 0, 0)).max() <= 2
    # YCCK: the inverted ink as luma and chroma (of cyan, which is red's opposite), black as it is.
    luma, blue, red = 179, 171, 0
    inverted = tuple(255 - value for value in (luma, blue, red, 255))
    data = encode(Image.new("CMYK", (16, 16), inverted), "JPEG", quality=100, subsampling=0)
    transform = data.index(b"Adobe") + 11
    ycck = data[:transform] + b"\x02" + data[transform + 1 :]
    assert np.abs(decode(ycck, LIMITS).astype(int) - (255, 0, 0)).max() <= 3


@pytest.mark.parametrize("picture_format", ["GIF", "WEBP", "TIFF", "PNG", "AVIF"])
def test_of_several_frames_the_first_counts(picture: Image.Image, picture_format: str):
    if picture_format not in {NATIVE.get(name, name) for name in FORMATS}:
        pytest.skip(f"this Pillow has no {picture_format}")
    others = [Image.new("RGB", picture.size, name) for name in ("green", "white")]
    options = {"lossless": True} if picture_format == "WEBP" else {}
    data = encode(picture, picture_format, save_all=True, append_images=others, **options)
    assert np.abs(decode(data, LIMITS).astype(int) - np.asarray(picture)).mean() < 4


def test_a_photo_with_a_second_one_behind_it_is_the_first(picture: Image.Image):
    other = Image.new("RGB", (10, 10), "green")
    data = encode(picture, "MPO", save_all=True, append_images=[other], quality=95)
    assert np.abs(decode(data, LIMITS).astype(int) - np.asarray(picture)).mean() < 8


def test_a_gif_s_first_frame_may_cover_a_part_only():
    frame = encode(Image.new("P", (4, 4), 0), "GIF")
    screen = frame[:6] + (10).to_bytes(2, "little") + (8).to_bytes(2, "little") + frame[10:]
    assert decode(screen, LIMITS).shape == (8, 10, 3)


def test_the_orientation_tag_is_read_from_a_tiff_of_64_bit_offsets(picture: Image.Image):
    data = encode(held(picture, 5), "TIFF", big_tiff=True, tiffinfo={ORIENTATION: 5})
    assert data[2] == 43
    assert np.array_equal(decode(data, LIMITS), np.asarray(picture))


@pytest.mark.parametrize("picture_format", FORMATS)
@pytest.mark.parametrize("part", [0.5, 0.9])
def test_a_truncated_picture_is_refused_as_damaged(picture_format: str, part: float):
    data = encode(noise((60, 60)), NATIVE.get(picture_format, picture_format))
    with pytest.raises(ImageUnreadableError, match=f"the {picture_format} picture is damaged"):
        decode(data[: int(len(data) * part)], LIMITS)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
def test_a_compressed_tiff_is_a_picture_and_half_of_one_is_none(compression: str):
    data = encode(scene(), "TIFF", compression=compression)
    assert np.abs(decode(data, LIMITS).astype(int) - np.asarray(scene())).mean() < 4
    with pytest.raises(ImageError):
        decode(data[: len(data) // 2], LIMITS)


@pytest.mark.parametrize(
    ("bits", "colour", "is_interlaced", "whole", "last_row"),
    [
        pytest.param(8, 2, False, 5 * 22, 22, id="colours"),
        pytest.param(1, 0, False, 5 * 2, 2, id="one bit"),
        pytest.param(16, 6, False, 5 * 57, 57, id="16 bits and alpha"),
        pytest.param(8, 2, True, 116, 22, id="interlaced"),
        pytest.param(1, 0, True, 22, 2, id="one bit, interlaced"),
    ],
)
def test_a_png_of_fewer_rows_than_it_says_is_refused_and_a_black_one_is_a_picture(
    bits: int, colour: int, is_interlaced: bool, whole: int, last_row: int
):
    kind = {"bits": bits, "colour": colour, "is_interlaced": is_interlaced}
    assert not decode(png((7, 5), bytes(whole), **kind), LIMITS).any()
    short = png((7, 5), bytes(whole - last_row), **kind)
    with pytest.raises(ImageUnreadableError, match=f"are {whole - last_row} bytes of {whole}$"):
        decode(short, LIMITS)
