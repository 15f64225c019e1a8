"""What is no picture, or would cost too much, is refused with a reason, and before it costs it."""

from __future__ import annotations

import resource
import subprocess
import sys
import threading
import time
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.images import (
    ImageError,
    ImageFramesError,
    ImageLimits,
    ImageTimeoutError,
    ImageTooLargeError,
    ImageUnreadableError,
    ImageUnrecognisedError,
    formats,
)
from app.images.capacity import Capacity
from app.images.decoding import decode, measure
from app.images.formats import FORMATS
from app.images.jpeg import MAX_SCANS
from app.images.limits import Budget
from tests.app.pictures import bombs
from tests.app.pictures.making import chunk, encode, noise, png, scene, tiff
from tests.app.pictures.tiffs import written

LIMITS = ImageLimits(max_bytes=4_000_000, max_pixels=1_000_000, max_side=5000, max_frames=20)


@pytest.mark.parametrize(
    ("data", "error", "text"),
    [
        pytest.param(b"", ImageUnreadableError, "0 bytes", id="empty"),
        pytest.param(b"hello, this is text\n" * 9, ImageUnrecognisedError, "180 bytes", id="text"),
        pytest.param(b"BMW makes cars, and motor cycles", ImageUnrecognisedError, "BMP", id="BM"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n" * 9, ImageUnrecognisedError, "JPEG", id="eps"),
        pytest.param(b"8BPS\0\1" + bytes(90), ImageUnrecognisedError, "JPEG", id="psd"),
        pytest.param(b"<svg xmlns='x'/>", ImageUnrecognisedError, "PNG", id="svg"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(50), ImageUnreadableError, "PNG", id="no chunk"),
        pytest.param(b"\xff\xd8\xff\xd9", ImageUnreadableError, "JPEG", id="no scan"),
        pytest.param(b"GIF89a" + bytes(7) + b";", ImageUnreadableError, "no frame", id="no frame"),
        pytest.param(b"II*\0\x08\0\0\0", ImageUnreadableError, "TIFF", id="no directory"),
        pytest.param(b"RIFF\4\0\0\0WEBP", ImageUnreadableError, "no size", id="no webp chunk"),
    ],
)
def test_what_is_no_picture_is_refused(data: bytes, error: type[ImageError], text: str):
    with pytest.raises(error, match=text):
        decode(data, LIMITS)


def test_a_heic_without_a_decoder_is_told_what_is_taken(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(formats._READERS, "HEIC", raising=False)
    with pytest.raises(ImageUnrecognisedError, match="HEIC, which this server has no decoder for"):
        decode(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99), LIMITS)


def test_too_many_bytes_are_refused():
    with pytest.raises(ImageTooLargeError, match="4,000,001 bytes; at most 4,000,000") as caught:
        decode(bytes(4_000_001), LIMITS)
    assert (caught.value.unit, caught.value.value) == ("bytes", 4_000_001)


OF_ANY_SIZE = [
    pytest.param(bombs.png_with_size, id="png"),
    pytest.param(bombs.bmp_with_size, id="bmp"),
    pytest.param(bombs.tiff_with_size, id="tiff"),
    pytest.param(lambda *size: bombs.webp(size), id="webp"),
    pytest.param(lambda *size: bombs.gif(size, (1, 1)), id="gif"),
    pytest.param(lambda *size: bombs.gif((1, 1), size), id="gif-frame"),
    pytest.param(lambda *size: bombs.jpeg_with_size(encode(scene(), "JPEG"), *size), id="jpeg"),
]


@pytest.mark.parametrize("of_size", OF_ANY_SIZE)
def test_too_many_pixels_are_refused_before_they_are_decoded(of_size):
    for read in (decode, measure):
        with pytest.raises(ImageTooLargeError, match=r"1,002,001 pixels; at most") as caught:
            read(of_size(1001, 1001), LIMITS)
        assert (caught.value.unit, caught.value.limit) == ("pixels", 1_000_000)


@pytest.mark.parametrize("of_size", OF_ANY_SIZE)
@pytest.mark.parametrize("size", [(5001, 1), (1, 5001)], ids=["wide", "high"])
def test_too_long_a_side_is_refused(of_size, size: tuple[int, int]):
    with pytest.raises(ImageTooLargeError, match="5,001 pixels on a side; at most 5,000") as caught:
        decode(of_size(*size), LIMITS)
    assert caught.value.unit == "pixels on a side"


@pytest.mark.parametrize(
    "of_frames",
    [
        pytest.param(lambda n: bombs.gif((4, 4), (4, 4), frames=n), id="gif"),
        pytest.param(lambda n: bombs.webp((16, 16), frames=n), id="webp"),
        pytest.param(bombs.tiff_of_pages, id="tiff"),
        pytest.param(bombs.apng, id="png"),
    ],
)
def test_too_many_frames_are_refused(of_frames):
    with pytest.raises(ImageFramesError, match="at most 20 are accepted") as caught:
        decode(of_frames(21), LIMITS)
    assert caught.value.value == 21
    assert decode(of_frames(20), LIMITS).size


@pytest.mark.skipif("AVIF" not in FORMATS, reason="this Pillow has no AVIF")
def test_too_many_frames_of_an_avif_are_refused():
    frames = [Image.new("RGB", (16, 16), (level, 0, 0)) for level in range(21)]
    data = encode(frames[0], "AVIF", save_all=True, append_images=frames[1:], speed=10)
    with pytest.raises(ImageFramesError):
        decode(data, LIMITS)


def test_pages_that_lead_in_a_circle_are_counted_once():
    assert decode(bombs.tiff_of_pages(9, is_loop=True), LIMITS).size


def test_a_gif_of_a_million_frames_is_not_walked_to_its_end():
    data = bombs.gif((4, 4), (4, 4), frames=1_000_000)
    start = time.thread_time()
    with pytest.raises(ImageFramesError):
        decode(data, ImageLimits(max_bytes=len(data), max_pixels=100))
    assert time.thread_time() - start < 1


def test_too_many_scans_are_refused():
    data = bombs.jpeg_of_scans((64, 64), MAX_SCANS + 1)
    with pytest.raises(ImageTooLargeError, match="501 scans; at most 500") as caught:
        decode(data, LIMITS)
    assert caught.value.unit == "scans"
    assert decode(bombs.jpeg_of_scans((64, 64), MAX_SCANS), LIMITS).shape == (64, 64, 3)


def test_what_follows_a_photo_does_not_count_as_its_scans():
    photo = encode(scene(), "JPEG", progressive=True)
    assert decode(photo + b"\xff\xda" * 600, LIMITS).shape == (60, 80, 3)


def test_decoding_stops_at_the_time_allowed_between_two_scans():
    # Undisturbed it takes many times as long.
    data = bombs.jpeg_of_scans((2000, 2000), MAX_SCANS)
    limits = ImageLimits(max_bytes=len(data), max_pixels=4_000_000, timeout_s=0.3)
    start = time.thread_time()
    with pytest.raises(ImageTimeoutError, match=r"more than 0\.3 seconds"):
        decode(data, limits)
    assert time.thread_time() - start < 3


@pytest.mark.parametrize("picture_format", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"])
def test_without_any_time_nothing_is_decoded(picture_format: str):
    limits = ImageLimits(max_bytes=10_000_000, max_pixels=1_000_000, timeout_s=0)
    with pytest.raises(ImageTimeoutError):
        decode(encode(noise((300, 300)), picture_format), limits)


def test_the_time_of_other_threads_and_of_waiting_does_not_count():
    budget = Budget(0.05)
    time.sleep(0.1)
    budget.check()


def test_pictures_wait_for_room_first_come_first_served():
    capacity, done = Capacity(), []

    def work(name: str, pixels: int) -> None:
        with capacity.held(pixels, 100):
            done.append(name)

    with capacity.held(60, 100):
        work("fits beside it", 40)
        threads = []
        for name, pixels in (("large", 60), ("small", 10)):
            threads.append(threading.Thread(target=work, args=(name, pixels)))
            threads[-1].start()
            threads[-1].join(0.2)
        assert done == ["fits beside it"]
    for thread in threads:
        thread.join(20)
    assert done == ["fits beside it", "large", "small"]
    work("larger than all the room", 1000)
    assert len(done) == 4


def test_a_picture_that_fails_gives_its_room_back():
    data = encode(noise((900, 900)), "PNG")
    for _ in range(5):
        with pytest.raises(ImageUnreadableError):
            decode(data[: len(data) // 2], LIMITS)
    assert decode(data, LIMITS).shape == (900, 900, 3)


def test_texts_and_profiles_that_blow_up_are_not_looked_at():
    bomb = zlib.compress(bytes(50_000_000), 9)
    extra = b"".join(
        [
            chunk(b"iCCP", b"profile\0\0" + bomb),
            chunk(b"zTXt", b"Comment\0\0" + bomb) * 5,
            chunk(b"iTXt", b"Comment\0\1\0\0\0" + bomb) * 5,
        ]
    )
    data = png((1, 1), b"\0\x01\x02\x03", extra=extra)
    start = time.thread_time()
    assert decode(data, LIMITS).tolist() == [[[1, 2, 3]]]
    assert time.thread_time() - start < 0.3


def test_millions_of_remarks_cost_no_more_than_reading_past_them():
    photo = encode(scene(), "JPEG")
    remark = b"\xff\xe1\0\x09Exif\0\0x"
    data = photo[:2] + remark * 300_000 + photo[2:]
    start = time.thread_time()
    decode(data, LIMITS)
    assert time.thread_time() - start < 5


def test_nobody_is_told_what_pillow_remarks(recwarn: pytest.WarningsRecorder):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", module=r"PIL\.")
        decode(encode(scene(), "TIFF", tiffinfo={256: (80, 80)}), LIMITS)
    assert recwarn.list == []


@pytest.mark.parametrize(
    ("data", "unit"),
    [
        pytest.param(bombs.tiff_of_strips(300_000), "values in tag 273", id="strips"),
        pytest.param(bombs.tiff_of_tiles(60_000, 30_000, 8), "pixels", id="tiles"),
        pytest.param(bombs.gif((65_535, 65_535), (65_535, 65_535)), "pixels on a side", id="gif"),
        pytest.param(bombs.webp((1 << 24, 256)), "pixels on a side", id="webp"),
    ],
)
def test_what_would_take_much_memory_is_refused_from_the_header(data: bytes, unit: str):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ImageTooLargeError) as caught:
        decode(data, LIMITS)
    assert caught.value.unit == unit
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_scans_of_a_jpeg_in_a_tiff_are_counted():
    data = encode(scene(), "TIFF", compression="jpeg")
    with pytest.raises(ImageTooLargeError, match="scans"):
        decode(data + b"\xff\xda" * 100, LIMITS)


_PEAK = """
import resource, sys
from app.images import ImageLimits
from app.images.decoding import decode
data = open(sys.argv[1], "rb").read()
limits = ImageLimits(max_bytes=10**9, max_pixels=10**8)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
decode(data, limits)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


@pytest.mark.parametrize(
    ("data", "most"),
    [
        pytest.param(lambda: encode(Image.new("RGB", (4000, 3000)), "JPEG"), 12, id="jpeg"),
        pytest.param(
            lambda: encode(Image.new("RGB", (4000, 3000)), "JPEG", progressive=True),
            16,
            id="progressive",
        ),
        pytest.param(lambda: encode(Image.new("RGB", (4000, 3000)), "PNG"), 12, id="png"),
        pytest.param(lambda: encode(Image.new("RGB", (4000, 3000)), "WEBP"), 20, id="webp"),
        pytest.param(lambda: tiff(np.zeros((3000, 4000), "<u2")), 12, id="16 bits"),
        pytest.param(
            lambda: written(
                np.zeros((3000, 4000, 3), "u2"), "rgb", is_planar=True, compression="deflate"
            ),
            20,
            id="planes of 16 bits",
        ),
    ],
)
def test_decoding_takes_at_most_so_many_bytes_a_pixel(
    tmp_path: Path, root: Path, data, most: float
):
    file = tmp_path / "picture"
    file.write_bytes(data())
    command = [sys.executable, "-c", _PEAK, str(file)]
    outcome = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert int(outcome.stdout) / (4000 * 3000) < most
