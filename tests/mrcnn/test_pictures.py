"""Files of pictures on a disk become RGB of 8 bits, as a training set's `load_image` gives them."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from mrcnn import utils
from mrcnn.pictures.pixels import rgb

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


PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 4), np.uint8)
GREY = PIXELS[..., :1].repeat(3, axis=2)


@pytest.mark.parametrize(
    ("suffix", "stored", "expected"),
    [
        pytest.param("png", PIXELS[..., 0], GREY, id="grey png"),
        pytest.param("png", PIXELS[..., [0, 3]], GREY, id="grey png with alpha"),
        pytest.param("png", PIXELS[..., :3], PIXELS[..., :3], id="png"),
        pytest.param("png", PIXELS, PIXELS[..., :3], id="png with alpha"),
        pytest.param("bmp", PIXELS[..., :3], PIXELS[..., :3], id="bmp"),
        pytest.param("tif", PIXELS[..., 0], GREY, id="grey tiff"),
        pytest.param("tif", PIXELS[..., :3], PIXELS[..., :3], id="tiff"),
        pytest.param("tif", PIXELS, PIXELS[..., :3], id="tiff with alpha"),
        pytest.param("ppm", PIXELS[..., :3], PIXELS[..., :3], id="ppm"),
    ],
)
def test_a_training_set_s_pictures_of_8_bits_are_as_stored_without_their_alpha(
    tmp_path: Path, suffix: str, stored: np.ndarray, expected: np.ndarray
):
    path = tmp_path / f"picture.{suffix}"
    Image.fromarray(stored).save(path)
    assert np.array_equal(load(path), expected)


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_exif_turns_no_picture_of_a_training_set(tmp_path: Path, suffix: str):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / f"picture.{suffix}"
    Image.fromarray(PIXELS[..., :3]).save(
        path, exif=exif, **({"lossless": True} if suffix == "webp" else {})
    )
    assert np.array_equal(load(path), PIXELS[..., :3])


@pytest.mark.parametrize("order", ["<", ">"], ids=["little endian", "big endian"])
def test_a_training_set_s_planes_of_sixteen_bits_are_put_together(tmp_path: Path, order: str):
    path = tmp_path / "planes.tif"
    planes = np.moveaxis(PIXELS[..., :3], 2, 0).astype(np.uint16) * 257
    tifffile.imwrite(path, planes, photometric="rgb", planarconfig="separate", byteorder=order)
    assert np.array_equal(load(path), PIXELS[..., :3])


def test_a_tiff_that_is_not_read_right_is_refused_with_its_name(tmp_path: Path):
    path = tmp_path / "odd.tif"
    tifffile.imwrite(path, PIXELS, photometric="minisblack", planarconfig="contig")
    with pytest.raises(
        ValueError, match=r"odd\.tif: .* does not say which of them are the colours"
    ):
        load(path)


def test_a_png_of_fewer_rows_than_it_says_is_refused_with_its_name(tmp_path: Path):
    path = tmp_path / "short.png"
    Image.fromarray(PIXELS[..., :3]).save(path)
    assert np.array_equal(load(path), PIXELS[..., :3])
    data = bytearray(path.read_bytes())
    data[20:24] = (2 * len(PIXELS)).to_bytes(4)
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4)
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"short\.png: its rows are [0-9,]+ bytes of"):
        load(path)


def test_a_png_whose_palette_is_lost_is_refused_with_its_name(tmp_path: Path):
    path = tmp_path / "lost.png"
    Image.fromarray(PIXELS[..., :3]).quantize(4).save(path)
    assert load(path).any()
    data = bytearray(path.read_bytes())
    start = data.index(b"PLTE")
    end = start + 4 + int.from_bytes(data[start - 4 : start])
    data[start : start + 4] = b"pLTE"
    data[end : end + 4] = zlib.crc32(data[start:end]).to_bytes(4)
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"lost\.png: its pixels are indices, and it has no pal"):
        load(path)


def test_a_dark_pgm_of_sixteen_bits_stays_dark(tmp_path: Path):
    path = tmp_path / "dark.pgm"
    path.write_bytes(b"P5 2 1 65535\n" + np.array([0, 255], ">u2").tobytes())
    assert load(path).max() == 0
    path.write_bytes(b"P5 2 1 1023\n" + np.array([0, 1023], ">u2").tobytes())
    assert load(path)[0, :, 0].tolist() == [0, 255]


def test_lab_that_pillow_has_decoded_is_converted():
    colours = np.array([[[200, 30, 30], [20, 180, 40], [250, 250, 250], [10, 10, 10]]], np.uint8)
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    lab = ImageCms.profileToProfile(Image.fromarray(colours), *profiles, outputMode="LAB")
    assert np.abs(rgb(lab).astype(int) - colours).max() <= 4
