"""A TIFF of any kind of samples is the right picture, or is refused: it is never a wrong one."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image

from app.images import ImageLimits, ImageTooLargeError, ImageUnreadableError
from app.images.decoding import decode, measure
from tests.app.pictures.making import encode, scene, tiff, tiff_of
from tests.app.pictures.tiffs import (
    FACTORS,
    SIZE,
    levels,
    packed_by_pillow,
    strip,
    widened,
    with_float_predictor,
    written,
)

LIMITS = ImageLimits(max_bytes=400_000, max_pixels=40_000)
# In which orders, parts and codecs the samples of each kind are tried.
WAYS = [
    {"byteorder": "<"},
    {"byteorder": ">", "rowsperstrip": 7},
    {"byteorder": ">", "bigtiff": True, "tile": (16, 32)},
    {"byteorder": "<", "tile": (48, 16)},
    {"byteorder": "<", "compression": "deflate", "rowsperstrip": 10},
    {"byteorder": ">", "compression": "deflate", "bigtiff": True},
    {"byteorder": ">", "compression": "lzma", "tile": (32, 32)},
]
DIFFERENCES = [
    {"byteorder": "<", "compression": "deflate", "predictor": 2},
    {"byteorder": ">", "compression": "deflate", "predictor": 2, "tile": (16, 16)},
]
COLOURS = {
    "grey": ("minisblack", 1, None),
    "white is zero": ("miniswhite", 1, None),
    "rgb": ("rgb", 3, None),
    "alpha": ("rgb", 4, ["unassalpha"]),
    "a fourth": ("rgb", 4, ["unspecified"]),
    "two more": ("rgb", 5, ["unspecified"] * 2),
    "grey and alpha": ("minisblack", 2, ["unassalpha"]),
}


def assert_near(pixels: np.ndarray, expected: np.ndarray, most: int) -> None:
    assert pixels.shape == expected.shape
    assert np.abs(pixels.astype(int) - expected).max() <= most


ARRANGED = [
    pytest.param(colours, is_planar, id=f"{colours}, {'planar' if is_planar else 'chunky'}")
    for colours, (_, channels, _) in COLOURS.items()
    for is_planar in ([False, True] if channels > 1 else [False])
]


@pytest.mark.parametrize(("colours", "is_planar"), ARRANGED)
@pytest.mark.parametrize("kind", FACTORS)
def test_samples_of_any_kind_are_right_in_any_arrangement(kind: str, colours: str, is_planar: bool):
    photometric, channels, extras = COLOURS[colours]
    values = levels(channels)
    samples = widened(values, kind)
    shown = 255 - values if photometric == "miniswhite" else values
    expected = shown[..., :3] if channels > 2 else shown[..., :1].repeat(3, axis=2)
    ways = WAYS + (DIFFERENCES if kind[0] != "f" else [])
    for way in ways:
        data = written(samples, photometric, is_planar=is_planar, extrasamples=extras, **way)
        assert_near(decode(data, LIMITS), expected, 0 if kind[0] == "u" else 1)
        if len(extras or ()) == 1:
            kept = decode(data, LIMITS, keep_alpha=True)[..., 3]
            assert_near(kept, values[..., -1], 0 if kind[0] == "u" else 1)


@pytest.mark.parametrize("is_planar", [False, True], ids=["chunky", "planar"])
@pytest.mark.parametrize("kind", ["u1", "u2", "f2", "f4"])
def test_associated_alpha_is_undone_at_the_samples_own_width(kind: str, is_planar: bool):
    values = levels(4)
    values[..., 3] |= 128
    scale = FACTORS[kind] * 255
    alpha = widened(values[..., 3:], kind).astype(np.float64) / scale
    colours = values[..., :3] * (FACTORS[kind] * alpha)
    colours = colours if kind[0] == "f" else np.rint(colours)
    samples = np.concatenate([colours, alpha * scale], axis=2).astype(kind)
    data = written(samples, "rgb", is_planar=is_planar, extrasamples=["assocalpha"])
    # With 8 bits, the multiplication itself has lost a level or two.
    assert_near(decode(data, LIMITS), values[..., :3], 2 if kind == "u1" else 1)
    assert_near(decode(data, LIMITS, keep_alpha=True)[..., 3], values[..., 3], 1)


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("is_reversed", [False, True], ids=["fill order 1", "fill order 2"])
def test_samples_of_any_width_are_right(bits: int, is_reversed: bool):
    values = levels(3).astype(int) * ((1 << bits) - 1) // 255
    ones = (values[..., np.newaxis] >> np.arange(bits - 1, -1, -1)) & 1
    rows = np.packbits(ones.reshape(SIZE[1], -1), axis=1)
    if is_reversed:
        rows = np.packbits(np.unpackbits(rows).reshape(-1, 8)[:, ::-1]).reshape(rows.shape)
    tags = {256: [SIZE[0]], 258: [bits] * 3, 262: [2], 266: [1 + is_reversed], 277: [3]}
    expected = values >> (bits - 8) if bits > 8 else np.rint(values * 255 / ((1 << bits) - 1))
    for data in (
        strip(rows, {**tags, 339: []}, rows.tobytes()),
        *(
            strip(rows, {**tags, 339: [], 259: [code], 266: [1]}, packed_by_pillow(raw, name))
            for code, name in ((5, "tiff_lzw"), (32_773, "packbits"), (50_000, "zstd"))
            if not is_reversed and (raw := rows.tobytes())
        ),
    ):
        assert_near(decode(data, LIMITS), expected, 0)


@pytest.mark.parametrize("order", ["<", ">"], ids=["little endian", "big endian"])
@pytest.mark.parametrize("kind", ["f2", "f4", "f8"])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_predictor_of_floats_is_undone(order: str, kind: str, channels: int):
    values = levels(channels)
    samples = widened(values, kind).astype(order + kind)
    data = strip(samples, {259: [8], 317: [3]}, with_float_predictor(samples))
    assert_near(decode(data, LIMITS), np.broadcast_to(values, (*SIZE[::-1], 3)), 1)


@pytest.mark.parametrize("kind", ["u1", "u2"])
@pytest.mark.parametrize("is_planar", [False, True], ids=["chunky", "planar"])
def test_ink_is_subtracted_from_white(kind: str, is_planar: bool):
    values = levels(4)
    ink = values / 255
    expected = 255 * (1 - ink[..., :3]) * (1 - ink[..., 3:])
    data = written(widened(values, kind), "separated", is_planar=is_planar)
    assert_near(decode(data, LIMITS), expected, 2)
    spot = np.concatenate([values, values[..., :1]], axis=2)
    extra = written(widened(spot, kind), "separated", is_planar=is_planar, extrasamples=[0])
    assert np.array_equal(decode(extra, LIMITS), decode(data, LIMITS))
    assert decode(extra, LIMITS, keep_alpha=True).shape[2] == 4


# L*, a* and b* of sRGB's red, green, blue, white and a grey under D50, as colour tables have them.
LAB = [[54.29, 80.81, 69.89], [87.82, -79.29, 80.99], [29.57, 68.30, -112.03], [100, 0, 0]]
OF_LAB = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("photometric", [8, 9], ids=["CIE", "ICC"])
def test_lab_is_converted_whichever_way_its_numbers_are_written(bits: int, photometric: int):
    part = 1 << (bits - 8)
    whole = 65_280 if (photometric, bits) == (9, 16) else (1 << bits) - 1
    numbers = np.array([LAB]) * [whole / 100, part, part] + (photometric == 9) * np.array(
        [0, 128 * part, 128 * part]
    )
    samples = np.rint(numbers).astype(np.int64).astype(f"u{bits // 8}")
    data = tiff(samples, {262: [photometric]})
    assert_near(decode(data, LIMITS), np.array([OF_LAB]), 12 if bits == 8 else 3)


def test_lab_s_white_is_the_file_s_own():
    # A grey of the file's white is a grey, whatever that white is.
    samples = np.array([[[136, 0, 0]]], np.uint8)
    fractions = np.array([3127, 10_000, 3290, 10_000], "<u4").tobytes()
    data = tiff(samples, {262: [8], 318: [0, 0]})
    entry = data.index(np.array([318, 4], "<u2").tobytes())
    place = np.array([len(data)], "<u4").tobytes()
    data = data[: entry + 2] + b"\5\0\2\0\0\0" + place + data[entry + 12 :] + fractions
    assert np.ptp(decode(data, LIMITS)) <= 1


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("is_wide", [True, False], ids=["of 16 bits", "filled as if of 8"])
def test_a_palette_s_colours_are_those_of_its_map(bits: int, is_wide: bool):
    colours = np.random.default_rng(0).integers(0, 256, (3, 1 << bits))
    colours[:, 0], colours[:, 1] = (200, 100, 50), (10, 20, 30)
    indices = np.array([[1, 0, 1, 0, 0, 0, 0, 0]])
    rows = np.packbits((indices[..., np.newaxis] >> np.arange(bits - 1, -1, -1)) & 1)
    kind = "u2" if bits == 16 else "u1"
    samples = rows.view(f">{kind}").reshape(1, -1)
    colour_map = (colours * (257 if is_wide else 1)).ravel().tolist()
    tags = {256: [8], 258: [bits], 262: [3], 320: colour_map, 339: []}
    limits = ImageLimits(max_bytes=1_000_000, max_pixels=100)
    pixels = decode(tiff(samples, tags), limits)
    assert pixels[0, :3].tolist() == [[10, 20, 30], [200, 100, 50], [10, 20, 30]]


@pytest.mark.parametrize("across", [1, 2, 4])
@pytest.mark.parametrize("down", [1, 2, 4])
def test_chroma_that_pixels_share_is_spread_over_them(across: int, down: int):
    # Units of 2 x 2, cut off at the right and below; each has its own luma and chroma.
    width, height = 2 * across - across // 2, 2 * down - down // 2
    luma = np.arange(4 * across * down, dtype=np.uint8).reshape(2, 2, down, across) * 3 + 60
    chroma = np.array([[[90, 160], [128, 128]], [[100, 100], [200, 110]]], np.uint8)
    units = np.concatenate([luma.reshape(2, 2, -1), chroma], axis=2)
    rows = luma.swapaxes(1, 2).reshape(2 * down, -1).astype(float)
    blue, red = np.moveaxis(chroma.repeat(down, axis=0).repeat(across, axis=1) - 128.0, 2, 0)
    expected = np.stack(
        [rows + 1.402 * red, rows - 0.344136 * blue - 0.714136 * red, rows + 1.772 * blue], axis=2
    )
    tags = {256: [width], 257: [height], 258: [8] * 3, 262: [6], 277: [3], 278: [height]}
    data = tiff(units, {**tags, 530: [across, down], 338: [], 339: []})
    cut = np.clip(expected[:height, :width], 0, 255)
    assert_near(decode(data, LIMITS), cut, 2)
    raw = packed_by_pillow(units.tobytes(), "tiff_lzw")
    packed = strip(units, {**tags, 259: [5], 530: [across, down], 338: [], 339: []}, raw)
    assert np.array_equal(decode(packed, LIMITS), decode(data, LIMITS))
    # The same bytes as tiles of one unit each.
    size = units.shape[2]
    tile = {273: [], 278: [], 279: [], 322: [across], 323: [down], 325: [size] * 4}
    tags |= {**tile, 338: [], 339: [], 530: [across, down], 324: [1] * 4}
    place = len(tiff(units, tags)) - units.nbytes
    tiles = tiff(units, tags | {324: [place + size * index for index in range(4)]})
    assert np.array_equal(decode(tiles, LIMITS), decode(data, LIMITS))


def strips(parts: list[bytes], size: tuple[int, int], tags: dict[int, list[int]]) -> bytes:
    """Return a TIFF of one compressed strip for each part."""
    sizes = [len(part) for part in parts]
    values = {256: [size[0]], 257: [size[1]], 273: [0] * len(parts), 278: [size[1]], 279: sizes}
    first = len(tiff_of(values | tags, b""))
    places = [first + sum(sizes[:index]) for index in range(len(parts))]
    return tiff_of(values | tags | {273: places}, b"".join(parts))


def test_jpegs_of_single_colours_are_put_together():
    planes = scene().split()
    parts = [encode(plane, "JPEG", quality=95) for plane in planes]
    data = strips(parts, scene().size, {258: [8] * 3, 259: [7], 262: [2], 277: [3], 284: [2]})
    assert np.abs(decode(data, LIMITS).astype(int) - np.asarray(scene())).mean() < 3


def test_the_ink_of_a_jpeg_in_a_tiff_is_not_inverted():
    # Outside of a TIFF it is, and so Pillow writes it.
    inverted = Image.new("CMYK", (16, 16), (255, 0, 0, 255))
    part = encode(inverted, "JPEG", quality=100)
    tags = {258: [8] * 4, 259: [7], 262: [5], 277: [4]}
    assert_near(
        decode(strips([part], (16, 16), tags), LIMITS), np.full((16, 16, 3), [255, 0, 0]), 2
    )


def test_the_fill_order_of_a_jpeg_in_a_tiff_means_nothing():
    part = encode(scene(), "JPEG", quality=95)
    tags = {258: [8] * 3, 259: [7], 262: [6], 266: [2], 277: [3], 530: [2, 2]}
    data = strips([part], scene().size, tags)
    assert np.abs(decode(data, LIMITS).astype(int) - np.asarray(scene())).mean() < 3


@pytest.mark.parametrize("compression", ["tiff_ccitt", "group3", "group4", "tiff_lzw", "packbits"])
@pytest.mark.parametrize("photometric", [0, 1], ids=["white is zero", "black is zero"])
def test_black_and_white_are_not_taken_for_each_other(compression: str, photometric: int):
    picture = scene().convert("L").point(lambda level: 255 * (level > 20)).convert("1")
    # Pillow inverts what it writes with WhiteIsZero.
    data = encode(picture, "TIFF", compression=compression, tiffinfo={262: photometric})
    pixels = decode(data, LIMITS)
    assert np.array_equal(pixels[..., 0] > 0, np.asarray(picture))
    assert np.array_equal(np.unique(pixels), [0, 255])


REFUSED = [
    pytest.param({258: [24] * 3}, "24 bits", id="24 bits"),
    pytest.param({258: [8, 8, 4]}, "BitsPerSample 8, 8, 4", id="unequal bits"),
    pytest.param({339: [1, 1, 2]}, "SampleFormat 1, 1, 2", id="unequal formats"),
    pytest.param({339: [3] * 3}, "floating samples of 8 bits", id="floats of 8 bits"),
    pytest.param({339: [6] * 3}, "SampleFormat 6", id="complex numbers"),
    pytest.param({262: []}, "PhotometricInterpretation, .* missing", id="no photometric"),
    pytest.param({262: [4]}, "PhotometricInterpretation 4", id="transparency mask"),
    pytest.param({262: [10]}, "PhotometricInterpretation 10", id="ITU Lab"),
    pytest.param({262: [32_803]}, "PhotometricInterpretation 32803", id="colour filter array"),
    pytest.param({262: [32_844]}, "PhotometricInterpretation 32844", id="LogL"),
    pytest.param({262: [1]}, "3 unsigned samples of 8 bits .* the colours", id="grey of three"),
    pytest.param({262: [2], 338: [0]}, "SamplesPerPixel 3 and 1 ExtraSamples", id="one of three"),
    pytest.param({262: [5]}, "SamplesPerPixel 3", id="three inks"),
    pytest.param({284: [3]}, "PlanarConfiguration 3", id="odd planes"),
    pytest.param({266: [3]}, "FillOrder 3", id="odd fill order"),
    pytest.param({317: [2]}, "Predictor 2 in .* Compression 1 ", id="predictor without codec"),
    pytest.param({259: [5], 317: [3]}, "Predictor 3 in ", id="predictor of floats for others"),
    pytest.param({259: [6]}, "Compression 6", id="old JPEG"),
    pytest.param({259: [34_712]}, "Compression 34712", id="JPEG 2000"),
    pytest.param({259: [4]}, "Compression 4 and 3 unsigned samples", id="fax of colours"),
    pytest.param({262: [6], 530: [2, 2], 284: [2]}, "YCbCrSubSampling 2, 2", id="planar, shared"),
    pytest.param({262: [6], 530: [3, 1]}, "YCbCrSubSampling 3, 1", id="thirds of chroma"),
    pytest.param({262: [6], 530: [1, 1], 532: [0] * 6}, "ReferenceBlackWhite", id="no range"),
    pytest.param({346: [1]}, "Indexed", id="indexed"),
    pytest.param({32_997: [5]}, "ImageDepth 5", id="volume"),
    pytest.param({273: [1, 0]}, "not in the file", id="sparse"),
    pytest.param({273: [], 324: []}, "no strips", id="no strips"),
    pytest.param({278: [2]}, "1 strips or tiles of 4", id="too few strips"),
    pytest.param({278: [0]}, "parts of 6 x 0", id="strips of no rows"),
    pytest.param({322: [16], 323: [16], 324: [99], 325: [9]}, "strips and tiles", id="both"),
]


@pytest.mark.parametrize(("tags", "reason"), REFUSED)
def test_what_is_not_known_to_be_right_is_refused_by_name(tags: dict[int, list[int]], reason: str):
    data = tiff(np.zeros((8, 6, 3), np.uint8), tags)
    for read in (decode, measure):
        with pytest.raises(ImageUnreadableError, match=reason):
            read(data, LIMITS)


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        pytest.param({332: [2]}, "InkSet 2", id="other inks"),
        pytest.param({336: [255, 0]}, "DotRange 255, 0", id="ink the other way round"),
        pytest.param({336: [0, 100]}, "DotRange 0, 100", id="ink in per cent"),
        pytest.param({258: [32] * 4}, "32 bits", id="ink of 32 bits"),
        pytest.param({338: [7]}, "ExtraSamples 7", id="odd extra sample"),
        pytest.param({338: [1]}, "associated alpha", id="associated"),
    ],
)
def test_ink_that_is_not_known_to_be_right_is_refused_by_name(
    tags: dict[int, list[int]], reason: str
):
    data = tiff(np.zeros((8, 6, 4 + (338 in tags)), np.uint8), {262: [5], **tags})
    with pytest.raises(ImageUnreadableError, match=reason):
        decode(data, LIMITS)


@pytest.mark.parametrize(
    ("tag", "fractions"),
    [
        pytest.param(529, [0, 0] * 3, id="coefficients of 0 / 0"),
        pytest.param(529, [1, 0] * 3, id="coefficients without end"),
        pytest.param(529, [299, 1, 587, 1, 114, 1], id="coefficients in thousandths"),
        pytest.param(532, [0, 1, 1, 0] * 3, id="white without end"),
    ],
)
def test_luma_of_numbers_that_make_no_colours_is_refused(tag: int, fractions: list[int]):
    data = tiff(np.zeros((8, 6, 3), np.uint8), {262: [6], 530: [1, 1], tag: fractions})
    whole, rational = (
        struct.pack("<HHI", tag, kind, count)
        for kind, count in ((4, len(fractions)), (5, len(fractions) // 2))
    )
    with pytest.raises(ImageUnreadableError, match="YCbCrCoefficients or ReferenceBlackWhite"):
        decode(data.replace(whole, rational), LIMITS)


@pytest.mark.parametrize("kind", ["i1", "i2", "i8", "f2", "f8"])
def test_negative_samples_are_no_brightness(kind: str):
    data = written(np.array([[[-3], [5]]], kind), "minisblack")
    with pytest.raises(ImageUnreadableError, match="samples from -3 to 5 are no range"):
        decode(data, LIMITS)


def test_floats_a_little_above_their_range_are_no_other_range():
    for high, expected in ((1.0015, [0, 128, 255]), (255.9, [0, 127, 255])):
        data = written(np.array([[[0], [high / 2], [high]]], "f4"), "minisblack")
        assert decode(data, LIMITS)[0, :, 0].tolist() == expected
    for high in (1.01, 1.9):
        data = written(np.array([[[0], [high]]], "f4"), "minisblack")
        with pytest.raises(ImageUnreadableError, match=rf"go up to {high}, which is no range"):
            decode(data, LIMITS)


def test_samples_take_no_more_memory_than_those_of_a_large_photo():
    limits = ImageLimits(max_bytes=400_000, max_pixels=100)
    photo = tiff(np.zeros((10, 10, 4), "<u2"), {338: [2]})
    assert decode(photo, limits).shape == (10, 10, 3)
    for samples in (np.zeros((10, 10, 5), "<u2"), np.zeros((10, 10, 3), "<f8")):
        with pytest.raises(ImageTooLargeError, match="at most 800 are accepted") as caught:
            decode(tiff(samples), limits)
        assert (caught.value.unit, caught.value.value) == ("bytes of samples", samples.nbytes)


def test_a_photo_of_one_row_a_strip_is_right():
    values = levels(3)
    data = written(widened(values, "u2"), "rgb", is_planar=True, rowsperstrip=1)
    assert np.array_equal(decode(data, LIMITS), values)
