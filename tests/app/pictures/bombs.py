"""Small files that ask for a great deal of memory or time."""

from __future__ import annotations

import struct
from itertools import pairwise

import numpy as np
from PIL import Image

from tests.app.pictures.making import chunk, encode, tiff, tiff_of


def gif(screen: tuple[int, int], frame: tuple[int, int], *, frames: int = 1) -> bytes:
    """Return a GIF of 16 pixels for frames of any size, each to be disposed of to the background.

    Pillow, asked for the header alone, takes memory for the first frame.
    """
    control = b"!\xf9\x04\x08\0\0\0\0"
    plain = encode(Image.new("L", (4, 4)), "GIF")
    blocks = plain[plain.index(b"\0\0\4\0\4\0") + 7 : -1]
    picture = b"," + struct.pack("<HHHH", 0, 0, *frame) + b"\0" + blocks
    return b"GIF89a" + struct.pack("<HH", *screen) + bytes(3) + (control + picture) * frames + b";"


def gif_of_code_size(bits: int) -> bytes:
    """Return a GIF whose data are said to begin with codes of that many bits."""
    plain = gif((4, 4), (4, 4))
    place = plain.index(b",") + 10
    return plain[:place] + bytes([bits]) + plain[place + 1 :]


def webp(canvas: tuple[int, int], frames: int = 0) -> bytes:
    """Return a WebP of 16 x 16 pixels on a canvas of any size."""
    plain = encode(Image.new("RGB", (16, 16), "red"), "WEBP")
    picture = plain[12:]
    size = b"".join((side - 1).to_bytes(3, "little") for side in canvas)
    if frames:
        where = bytes(6) + (15).to_bytes(3, "little") * 2 + (100).to_bytes(3, "little") + b"\0"
        frame = riff(b"ANMF", where + picture)
        picture = riff(b"ANIM", bytes(6)) + frame * frames
    flags = b"\x02" if frames else b"\0"
    body = b"WEBP" + riff(b"VP8X", flags + bytes(3) + size) + picture
    return riff(b"RIFF", body)


def riff(name: bytes, contents: bytes) -> bytes:
    """Return a chunk of a WebP."""
    return name + struct.pack("<I", len(contents)) + contents + bytes(len(contents) % 2)


def jpeg_with_size(data: bytes, width: int, height: int) -> bytes:
    """Return the JPEG with another size in its frame header."""
    for marker in (b"\xff\xc0", b"\xff\xc2"):
        place = data.find(marker)
        if place != -1:
            return data[: place + 5] + struct.pack(">HH", height, width) + data[place + 9 :]
    raise AssertionError("no frame header")


def jpeg_of_scans(size: tuple[int, int], scans: int) -> bytes:
    """Return a progressive JPEG whose last scan stands there many times over."""
    data = encode(Image.new("RGB", size), "JPEG", progressive=True)
    starts = [place for place in range(len(data) - 1) if data[place : place + 2] == b"\xff\xda"]
    assert all(first < second for first, second in pairwise(starts))
    last = data[starts[-1] : -2]
    return data[: starts[-1]] + last * (scans - len(starts) + 1) + b"\xff\xd9"


def apng(frames: int) -> bytes:
    """Return a PNG that announces that many frames."""
    plain = encode(Image.new("RGB", (4, 4)), "PNG")
    return plain[:33] + chunk(b"acTL", struct.pack(">II", frames, 0)) + plain[33:]


def png_with_size(width: int, height: int) -> bytes:
    """Return a PNG that is said to be of any size."""
    plain = encode(Image.new("RGB", (4, 4)), "PNG")
    header = struct.pack(">II", width, height) + plain[24:29]
    return plain[:8] + chunk(b"IHDR", header) + plain[33:]


def bmp_with_size(width: int, height: int) -> bytes:
    """Return a BMP that is said to be of any size."""
    plain = encode(Image.new("RGB", (4, 4)), "BMP")
    return plain[:18] + struct.pack("<ii", width, height) + plain[26:]


def tiff_with_size(width: int, height: int) -> bytes:
    """Return a TIFF that is said to be of any size."""
    return tiff(np.zeros((2, 2), np.uint8), {256: [width], 257: [height], 278: [height]})


def tiff_of_pages(pages: int, *, is_loop: bool = False) -> bytes:
    """Return a TIFF of pages that share one pixel; in a loop the last leads to the second."""
    one = tiff(np.zeros((1, 1), np.uint8))
    (count,) = struct.unpack_from("<H", one, 8)
    directory = one[8 : 8 + 2 + 12 * count]
    size, base = len(directory) + 4, len(one)
    following = [base + size * index for index in range(pages - 1)]
    following.append(base if is_loop else 0)
    rest = b"".join(directory + struct.pack("<I", place) for place in following[1:])
    head = one[: 8 + len(directory)] + struct.pack("<I", following[0])
    return head + one[8 + size :] + rest


def tiff_of_strips(count: int) -> bytes:
    """Return a TIFF whose pixels are in that many strips, all of them the same byte."""
    places = np.full(count, 8, "<u4").tobytes()
    one = tiff_of(
        {256: [1], 257: [1], 258: [8], 259: [1], 262: [1], 273: [0], 277: [1], 278: [1]}, places
    )
    # The array of places is the data itself: only its entry's count has to say so.
    entry = one.index(struct.pack("<HHI", 273, 4, 1))
    return one[: entry + 4] + struct.pack("<I", count) + one[entry + 8 :]


def tiff_of_tiles(width: int, height: int, compression: int) -> bytes:
    """Return a compressed TIFF of one pixel in a tile of any size."""
    values = {256: [1], 257: [1], 258: [8], 259: [compression], 262: [1], 277: [1]}
    tile = {322: [width], 323: [height], 324: [8], 325: [64]}
    return tiff_of(values | tile, bytes(64))


def tiff_of_samples(size: tuple[int, int], *, samples: int, bits: int) -> bytes:
    """Return a TIFF whose pixels have many samples, all planes of which are the same bytes."""
    width, height = size
    plane = bytes(width * height * bits // 8)
    values = {256: [width], 257: [height], 258: [bits], 259: [1], 262: [2], 273: [8] * samples}
    return tiff_of(values | {277: [samples], 278: [height], 284: [2]}, plane)
