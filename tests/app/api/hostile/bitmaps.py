"""BMPs and TIFFs made to do harm, and files that are no pictures at all."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

from app.images.formats import FORMATS
from tests.app.api.hostile.sending import (
    ANY_PICTURE,
    DAMAGED,
    NO_PICTURE,
    TAKEN,
    TOO_LARGE,
    Hostile,
)
from tests.app.pictures import bombs, crafted
from tests.app.pictures.making import encode, noise, scene, tiff

_SIGNATURES = {
    "JPEG": b"\xff\xd8\xff\xe0",
    "PNG": b"\x89PNG\r\n\x1a\n",
    "GIF": b"GIF89a",
    "BMP": b"BM" + bytes(12) + b"\x28\0\0\0",
    "TIFF": b"II*\0",
    "WebP": b"RIFF\xff\xff\xff\xffWEBPVP8 ",
    "AVIF": b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf",
    "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
}
_OTHERS = {
    "pdf": b"%PDF-1.7\n",
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "psd": b"8BPS\0\1\0\0\0\0\0\0\0\3",
    "ico": b"\0\0\1\0\1\0",
    "jpeg-2000": b"\0\0\0\x0cjP  \r\n\x87\n",
    "fits": b"SIMPLE  =                    T",
    "html": b"<!doctype html><img src=x>",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
    "zip": b"PK\3\4",
    "gzip": b"\x1f\x8b\x08",
    "pickle": b"\x80\x04cos\nsystem\n",
    "bmp-without-header": b"BM",
}
_COMPRESSIONS = (5, 7, 8, 32_773, 34_925, 50_000)
# WebP, which Pillow's libtiff is built without, and old JPEG.
_UNKNOWN_COMPRESSIONS = (6, 50_001)
_ODD_TAGS: dict[str, dict[int, list[int]]] = {
    "no-strips": {273: []},
    "no-size": {256: []},
    "strip-beyond-its-end": {273: [2**31]},
    "rows-of-0-a-strip": {278: [0]},
    "rows-of-4-billion-a-strip": {278: [2**32 - 1]},
    "bands-of-0": {277: [0]},
    "bands-of-60000": {277: [60_000]},
    "bits-of-0": {258: [0]},
    "bits-of-60000": {258: [60_000]},
    "bits-without-end": {258: [8] * 5000},
    "odd-colours": {262: [77]},
    "odd-compression": {259: [4711]},
    "fill-order-of-9": {266: [9]},
    "planes-apart": {284: [2]},
    "planes-that-are-not-there": {284: [2], 262: [2], 277: [3]},
    "planes-of-60000": {284: [2], 277: [60_000]},
    "alpha-of-5000-kinds": {277: [5], 338: [1] * 5000},
    "white-of-nothing": {262: [8], 277: [3], 318: [0, 0]},
    "chroma-of-65535-pixels": {262: [6], 277: [3], 530: [65_535, 65_535]},
    "chroma-of-no-pixels": {262: [6], 277: [3], 530: [0, 0]},
    "inks-without-end": {262: [5], 277: [4], 336: [255] * 5000},
    "deep": {32_997: [2**32 - 1]},
    "of-64-bits": {258: [64]},
    "of-15-bits": {258: [15]},
    "orientation-of-99": {274: [99]},
    "orientation-without-end": {274: [6] * 5000},
    "palette-of-nothing": {262: [3], 320: []},
    "palette-too-short": {262: [3], 320: [1, 2, 3]},
    "tile-of-no-width": {322: [0], 323: [16], 324: [8], 325: [1], 273: []},
    "tiles-of-one-pixel": {322: [1], 323: [1], 324: [8] * 9, 325: [1] * 9, 273: []},
    "directory-in-itself": {330: [8]},
    "exif-that-is-itself": {34_665: [8]},
    "gps-that-is-itself": {34_853: [8]},
    "profile-that-is-short": {34_675: [1, 2, 3]},
    "odd-predictor": {259: [5], 317: [7]},
    "predictor-of-floats": {259: [8], 317: [3]},
    "windows-media": {0xBC01: [1]},
    "samples-of-odd-format": {339: [9]},
    "white-is-zero": {262: [0]},
}


def bitmaps() -> Iterator[Hostile]:
    """Yield them all."""
    for kind in (_no_pictures, _polyglots, _bmp_sizes, _bmp_codes, _tiff_sizes, _tiff_structure):
        yield from kind()


def _no_pictures() -> Iterator[Hostile]:
    for name, signature in _SIGNATURES.items():
        statuses = DAMAGED if name in FORMATS else NO_PICTURE
        yield Hostile(f"signature-of-{name}", statuses, signature)
        for filler in (b"\0", b"\xff", b"A"):
            data = signature + filler * 100_000
            yield Hostile(f"signature-of-{name}-then-{filler.hex()}", ANY_PICTURE - TAKEN, data)
    for name, head in _OTHERS.items():
        yield Hostile(f"other-{name}", NO_PICTURE, head + bytes(2000))


def _polyglots() -> Iterator[Hostile]:
    picture = scene()
    jpeg = encode(picture, "JPEG")
    yield Hostile("jpeg-with-zip", TAKEN, jpeg + b"PK\3\4" + bytes(500))
    yield Hostile("gif-with-script", TAKEN, encode(picture, "GIF") + b"/*<script>*/")
    yield Hostile("png-with-jpeg", TAKEN, encode(picture, "PNG") + jpeg)
    yield Hostile("png-behind-bm", NO_PICTURE, b"BM" + encode(picture, "PNG"))


def _bmp_sizes() -> Iterator[Hostile]:
    for size in ((2**31 - 1, 2**31 - 1), (2**31 - 1, 1), (1, -5001), (1001, -1000)):
        yield Hostile("bmp-of-{}x{}".format(*size), TOO_LARGE, bombs.bmp_with_size(*size))
    yield Hostile("bmp-of-no-width", DAMAGED, bombs.bmp_with_size(0, 4))
    yield Hostile("bmp-of-negative-width", TOO_LARGE | DAMAGED, bombs.bmp_with_size(-4, 4))
    yield Hostile("bmp-larger-than-its-data", DAMAGED, bombs.bmp_with_size(900, 900))
    yield Hostile("bmp-upside-down", TAKEN, bombs.bmp_with_size(4, -4))
    plain = encode(scene((4, 4)).quantize(4), "BMP")
    many = plain[:46] + struct.pack("<I", 10**6) + plain[50:]
    yield Hostile("bmp-of-a-million-colours", DAMAGED, many)
    yield Hostile("bmp-data-far-away", DAMAGED, plain[:10] + b"\xff" * 4 + plain[14:])


def _bmp_codes() -> Iterator[Hostile]:
    codes = {
        "empty": b"",
        "ends-at-once": b"\0\1",
        "rows-without-end": b"\xff\1" * 60_000,
        "nothing-without-end": b"\0\0" * 60_000,
        "steps-beyond": b"\0\2\xff\xff" * 999,
        "literal-beyond": b"\0\xff" + b"\1" * 9,
    }
    for bits, compression in ((8, 1), (4, 2)):
        for name, data in codes.items():
            picture = _bmp(data, bits=bits, compression=compression)
            yield Hostile(f"bmp-rle{bits}-{name}", ANY_PICTURE, picture)
        picture = _bmp(b"\x09\1\0\0" * 48, bits=bits, compression=compression, height=-48)
        yield Hostile(f"bmp-rle{bits}-upside-down", ANY_PICTURE, picture)
    for compression in (3, 4, 5, 6, 11, 2**31 - 1):
        picture = _bmp(bytes(64), bits=24, compression=compression)
        yield Hostile(f"bmp-compression-{compression}", DAMAGED, picture)
    for bits in (0, 2, 3, 64, 65_535):
        yield Hostile(f"bmp-of-{bits}-bits", DAMAGED, _bmp(bytes(64), bits=bits, compression=0))


def _bmp(data: bytes, *, bits: int, compression: int, height: int = 48) -> bytes:
    return crafted.bmp((64, height), data, bits=bits, compression=compression, colours=16)


def _tiff_sizes() -> Iterator[Hostile]:
    for size in ((2**32 - 1, 2**32 - 1), (2**31, 1), (1, 5001), (1001, 1000)):
        yield Hostile("tiff-of-{}x{}".format(*size), TOO_LARGE, bombs.tiff_with_size(*size))
    yield Hostile("tiff-of-no-width", DAMAGED, bombs.tiff_with_size(0, 4))
    yield Hostile("tiff-larger-than-its-data", DAMAGED, bombs.tiff_with_size(900, 900))
    yield Hostile("tiff-of-many-pages", TOO_LARGE, bombs.tiff_of_pages(9000))
    yield Hostile("tiff-of-300000-strips", TOO_LARGE, bombs.tiff_of_strips(300_000))
    yield Hostile("tiff-of-200000-strips", ANY_PICTURE, bombs.tiff_of_strips(200_000))
    plain = _tiff({273: [8]})
    entry = plain.index(struct.pack("<HHI", 273, 4, 1)) + 4
    lying = plain[:entry] + b"\xff\xff\xff\xff" + plain[entry + 4 :]
    yield Hostile("tiff-of-4-billion-strips", TOO_LARGE, lying)
    for compression in _COMPRESSIONS:
        tiles = bombs.tiff_of_tiles(60_000, 60_000, compression)
        yield Hostile(f"tiff-giant-tile-{compression}", TOO_LARGE, tiles)
        none = _tiff({259: [compression], 279: [4]})
        yield Hostile(f"tiff-no-data-{compression}", ANY_PICTURE - TAKEN, none)

    for compression in _UNKNOWN_COMPRESSIONS:
        tiles = bombs.tiff_of_tiles(60_000, 60_000, compression)
        yield Hostile(f"tiff-unknown-compression-{compression}", DAMAGED, tiles)
    many = bombs.tiff_of_samples((900, 900), samples=60, bits=64)
    yield Hostile("tiff-of-60-samples-of-64-bits", TOO_LARGE, many)


def _tiff_structure() -> Iterator[Hostile]:
    yield Hostile("tiff-page-that-is-itself", TAKEN, bombs.tiff_of_pages(1, is_loop=True))
    yield Hostile("tiff-pages-in-a-circle", TAKEN, bombs.tiff_of_pages(9, is_loop=True))
    for name, tags in _ODD_TAGS.items():
        yield Hostile(f"tiff-{name}", ANY_PICTURE, _tiff(tags))
    scans = encode(noise((9, 9)), "TIFF", compression="jpeg") + b"\xff\xda" * 99
    yield Hostile("tiff-scans", TOO_LARGE, scans)
    for name, data in {
        "directory-beyond-its-end": b"II*\0\xff\xff\xff\xff" + bytes(99),
        "directory-in-its-head": b"II*\0\0\0\0\0" + bytes(99),
        "65535-entries": b"II*\0\x08\0\0\0\xff\xff" + bytes(65_535 * 12),
        "big-of-any-count": b"II+\0\x08\0\0\0" + b"\xff" * 9999,
        "big-directory-beyond": b"MM\0+\0\x08\0\0" + b"\xff" * 8,
        "big-entries-without-end": b"II+\0\x08\0\0\0\x10" + bytes(7) + b"\xff" * 8 + bytes(10**6),
    }.items():
        yield Hostile(f"tiff-{name}", DAMAGED, data)


def _tiff(tags: dict[int, list[int]]) -> bytes:
    return tiff(np.arange(64, dtype=np.uint8).reshape(8, 8), tags)
