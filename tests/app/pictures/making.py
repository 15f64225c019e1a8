"""Small pictures for tests, made by code: of every format, turned every way, of every sample."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

ORIENTATION = 0x0112

# How a camera that was held this way has stored a picture: the undoing of EXIF's turn.
_STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def encode(image: Image.Image, picture_format: str, **options: Any) -> bytes:
    """Return the picture in a format of Pillow's."""
    buffer = io.BytesIO()
    image.save(buffer, picture_format, **options)
    return buffer.getvalue()


def exif_of(orientation: int) -> bytes:
    """Return an EXIF block with nothing but an orientation."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif.tobytes()


def held(image: Image.Image, orientation: int) -> Image.Image:
    """Return the picture as a camera held in that way stores it."""
    return image.transpose(_STORED[orientation]) if orientation in _STORED else image


def encode_held(image: Image.Image, orientation: int, picture_format: str, **options: Any) -> bytes:
    """Return what a camera held in that way writes of the upright picture."""
    stored = held(image, orientation)
    return encode(stored, picture_format, exif=exif_of(orientation), **options)


def chunk(name: bytes, contents: bytes) -> bytes:
    """Return a PNG's chunk."""
    head = struct.pack(">I", len(contents)) + name
    return head + contents + struct.pack(">I", zlib.crc32(name + contents))


def png(
    size: tuple[int, int],
    rows: bytes,
    *,
    bits: int = 8,
    colour: int = 2,
    is_interlaced: bool = False,
    extra: bytes = b"",
) -> bytes:
    """Return a PNG of raw rows, each with its filter's byte, and chunks before them."""
    header = struct.pack(">IIBBBBB", *size, bits, colour, 0, 0, is_interlaced)
    parts = [
        chunk(b"IHDR", header),
        extra,
        chunk(b"IDAT", zlib.compress(rows)),
        chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff(samples: np.ndarray, tags: Mapping[int, Sequence[int]] | None = None) -> bytes:
    """Return an uncompressed TIFF of [height, width] or [height, width, bands] samples.

    The numbers are written in the array's own byte order. `tags` are added to the directory, or
    replace what it has; a tag without values is left out.
    """
    order = ">" if samples.dtype.byteorder == ">" else "<"
    height, width, bands = (*samples.shape, 1)[:3]
    data = samples.tobytes()
    values: dict[int, Sequence[int]] = {
        256: [width],
        257: [height],
        258: [samples.dtype.itemsize * 8] * bands,
        259: [1],
        262: [2 if bands >= 3 else 1],
        273: [0],
        277: [bands],
        278: [height],
        279: [len(data)],
        339: [{"u": 1, "i": 2, "f": 3}[samples.dtype.kind]] * bands,
        **(tags or {}),
    }
    return tiff_of({tag: given for tag, given in values.items() if given}, data, order)


def tiff_of(values: Mapping[int, Sequence[int]], data: bytes, order: str = "<") -> bytes:
    """Return a TIFF of one directory of whole numbers; tag 273, if 0, becomes the data's place."""
    place = 8 + 2 + 12 * len(values) + 4
    out_of_line = sum(4 * len(given) for given in values.values() if len(given) > 1)
    entries, far = b"", b""
    for tag, given in sorted(values.items()):
        if tag == 273 and list(given) == [0]:
            given = [place + out_of_line]
        raw = struct.pack(f"{order}{len(given)}I", *given)
        if len(given) > 1:
            far, raw = far + raw, struct.pack(f"{order}I", place + len(far))
        entries += struct.pack(f"{order}HHI", tag, 4, len(given)) + raw
    header = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 8)
    return header + struct.pack(f"{order}H", len(values)) + entries + bytes(4) + far + data


def scene(size: tuple[int, int] = (80, 60)) -> Image.Image:
    """Return a red rectangle at the upper left on black, and a dimmer blue one."""
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    pixels[10:38, 20:48, 0] = 250
    pixels[40:55, 50:70, 2] = 200
    return Image.fromarray(pixels)


def noise(size: tuple[int, int], seed: int = 0) -> Image.Image:
    """Return colours that no format can make small."""
    generator = np.random.default_rng(seed)
    return Image.fromarray(generator.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))
