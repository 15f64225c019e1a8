"""Pictures of every format, cut off and with flipped bits."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache

import numpy as np
from PIL import Image

from app.images.formats import FORMATS
from tests.app.api.hostile.sending import ANY_PICTURE, DAMAGED, NO_PICTURE, TAKEN, Hostile
from tests.app.pictures import bombs, crafted
from tests.app.pictures.making import encode, exif_of, noise, scene, tiff
from tests.app.pictures.tiffs import levels, widened, written

_CUTS = (1, 3, 8, 12, 20, 30, 64, 200)
_PARTS = (0.25, 0.5, 0.75, 0.95)
_FLIPS = 10
_DIFFERENCES = {"compression": "deflate", "predictor": 2}
_CHROMA = {256: [32], 257: [24], 258: [8] * 3, 262: [6], 277: [3], 278: [24], 338: [], 339: []}
# So much of a file is its header, by and large: there a flipped bit does most.
_HEADER = 160


@cache
def sound() -> dict[str, bytes]:
    """Return small pictures that are all right, by name."""
    picture = scene((64, 48))
    frames = [Image.new("RGB", (64, 48), name) for name in ("green", "white")]
    pictures = {
        "jpeg": encode(picture, "JPEG", exif=exif_of(6), comment=b"hello"),
        "jpeg-progressive": encode(picture, "JPEG", progressive=True),
        "jpeg-cmyk": encode(picture.convert("CMYK"), "JPEG"),
        "jpeg-restarts": encode(picture, "JPEG", restart_marker_blocks=1),
        "png": encode(picture, "PNG", exif=exif_of(3)),
        "png-palette": encode(picture.quantize(8), "PNG", transparency=1),
        "png-16-bits": encode(
            Image.fromarray(np.arange(3072, dtype=np.uint16).reshape(48, 64)), "PNG"
        ),
        "png-interlaced": crafted.interlaced_png(),
        "png-animated": encode(picture, "PNG", save_all=True, append_images=frames),
        "webp": encode(picture, "WEBP", exif=exif_of(8)),
        "webp-lossless": encode(picture, "WEBP", lossless=True),
        "webp-animated": encode(picture, "WEBP", save_all=True, append_images=frames),
        "gif": encode(picture, "GIF", comment=b"hello"),
        "gif-animated": encode(picture, "GIF", save_all=True, append_images=frames),
        "bmp": encode(picture, "BMP"),
        "bmp-rle": crafted.rle_bmp(),
        "tiff": tiff(np.asarray(picture)),
        "tiff-lzw": encode(picture, "TIFF", compression="tiff_lzw"),
        "tiff-deflate": encode(picture, "TIFF", compression="tiff_adobe_deflate"),
        "tiff-jpeg": encode(noise((64, 48)), "TIFF", compression="jpeg"),
        "tiff-fax": encode(picture.convert("1"), "TIFF", compression="group4"),
        "tiff-planes": written(widened(levels(3), "u2"), "rgb", is_planar=True, **_DIFFERENCES),
        "tiff-tiles": written(widened(levels(4), "f4"), "rgb", byteorder=">", tile=(16, 32)),
        "tiff-ycbcr": tiff(np.full((12, 16, 6), 99, np.uint8), _CHROMA),
        "tiff-palette": encode(picture.quantize(16), "TIFF", compression="packbits"),
        "tiff-big": encode(picture, "TIFF", big_tiff=True),
        "tiff-pages": bombs.tiff_of_pages(3),
    }
    if "AVIF" in FORMATS:
        pictures["avif"] = encode(picture, "AVIF", exif=exif_of(6))
        pictures["avif-animated"] = encode(picture, "AVIF", save_all=True, append_images=frames)
    if "HEIC" in FORMATS:
        import pillow_heif

        pillow_heif.register_heif_opener()
        pictures["heic"] = encode(picture, "HEIF", exif=exif_of(6))
    return pictures


def damaged() -> Iterator[Hostile]:
    """Yield them all."""
    for name, data in sound().items():
        yield Hostile(f"sound-{name}", TAKEN, data)
        for cut in _CUTS:
            if cut < len(data):
                statuses = NO_PICTURE | DAMAGED if cut < _HEADER else ANY_PICTURE
                yield Hostile(f"cut-{name}-{cut}", statuses, data[:cut])
        for part in _PARTS:
            yield Hostile(f"cut-{name}-{part:.0%}", ANY_PICTURE, data[: int(len(data) * part)])
        for seed in range(_FLIPS):
            yield Hostile(f"flipped-{name}-{seed}", ANY_PICTURE, _flipped(data, f"{name} {seed}"))
    for seed in range(4):
        data = b"?" + random.Random(seed).randbytes(4000)
        yield Hostile(f"random-bytes-{seed}", NO_PICTURE, data)


def _flipped(data: bytes, seed: str) -> bytes:
    """Return the picture with some bits flipped, of its header alone or anywhere."""
    generator = random.Random(seed)
    flipped = bytearray(data)
    end = generator.choice([min(_HEADER, len(data)), len(data)])
    for _ in range(generator.randint(1, 9)):
        flipped[generator.randrange(end)] ^= 1 << generator.randrange(8)
    return bytes(flipped)
