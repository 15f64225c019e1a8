"""JPEGs made to do harm: sizes that lie, scans without end, segments where none belongs."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from app.images.jpeg import MAX_SCANS
from tests.app.api.hostile.sending import ANY_PICTURE, DAMAGED, TAKEN, TOO_LARGE, Hostile
from tests.app.pictures import bombs
from tests.app.pictures.making import encode, scene

_PHOTO = encode(scene(), "JPEG")
_PROGRESSIVE = encode(scene(), "JPEG", progressive=True)
_SCANS = b"\xff\xda" * (MAX_SCANS + 100)


def jpegs() -> Iterator[Hostile]:
    """Yield them all."""
    for kind in (_sizes, _scans, _remarks, _structure):
        yield from kind()


def _sizes() -> Iterator[Hostile]:
    for size in ((65_535, 65_535), (65_535, 1), (1, 65_535), (5001, 2), (1001, 1001)):
        data = bombs.jpeg_with_size(_PHOTO, *size)
        yield Hostile("jpeg-of-{}x{}".format(*size), TOO_LARGE, data)
    yield Hostile("jpeg-of-no-height", DAMAGED, bombs.jpeg_with_size(_PHOTO, 80, 0))
    yield Hostile("jpeg-of-no-width", DAMAGED, bombs.jpeg_with_size(_PHOTO, 0, 60))
    larger = bombs.jpeg_with_size(_PHOTO, 900, 900)
    yield Hostile("jpeg-larger-than-its-data", ANY_PICTURE, larger)
    yield Hostile("jpeg-of-12-bits", DAMAGED, _patched(4, b"\x0c"))
    yield Hostile("jpeg-of-255-colours", DAMAGED, _patched(9, b"\xff"))
    yield Hostile("jpeg-sampling-of-0", DAMAGED, _patched(11, b"\0"))
    yield Hostile("jpeg-sampling-of-15", DAMAGED, _patched(11, b"\xff"))


def _scans() -> Iterator[Hostile]:
    some = bombs.jpeg_of_scans((400, 400), MAX_SCANS)
    yield Hostile("jpeg-of-500-scans", frozenset({200, 422}), some)
    yield Hostile("jpeg-of-5000-scans", TOO_LARGE, bombs.jpeg_of_scans((64, 64), 5000))
    yield Hostile("jpeg-of-50000-scans", TOO_LARGE, bombs.jpeg_of_scans((9, 9), 50_000))
    yield Hostile("jpeg-scans-in-a-remark", TAKEN, _with(0xFE, _SCANS))
    yield Hostile("jpeg-scans-behind-its-end", TAKEN, _PROGRESSIVE + _SCANS)
    yield Hostile("jpeg-end-in-a-remark", TAKEN, _with(0xFE, b"\xff\xd9" * 9))
    start = _PROGRESSIVE.index(b"\xff\xc2")
    end = start + 2 + int.from_bytes(_PROGRESSIVE[start + 2 : start + 4])
    twice = _PROGRESSIVE[:end] + _PROGRESSIVE[start:end] + _PROGRESSIVE[end:]
    yield Hostile("jpeg-two-frame-headers", ANY_PICTURE, twice)
    start = _PHOTO.index(b"\xff\xc0")
    end = start + 2 + int.from_bytes(_PHOTO[start + 2 : start + 4])
    small = _PHOTO[start : start + 5] + struct.pack(">HH", 8, 8) + _PHOTO[start + 9 : end]
    yield Hostile("jpeg-two-sizes", ANY_PICTURE, _PHOTO[:end] + small + _PHOTO[end:])


def _remarks() -> Iterator[Hostile]:
    for name, marker, contents, times in (
        ("giant-exif", 0xE1, b"Exif\0\0II*\0" + b"\xff" * 65_000, 1),
        ("many-exif", 0xE1, b"Exif\0\0x", 30_000),
        ("exif-that-is-itself", 0xE1, _exif_of_itself(), 1),
        ("giant-profile", 0xE2, _profile(1), 20),
        ("lying-profile", 0xE2, _profile(255), 1),
        ("broken-mpf", 0xE2, b"MPF\0II*\0\x08\0\0\0\xff\xff", 1),
        ("broken-photoshop", 0xED, b"Photoshop 3.0\0" + b"8BIM" * 9, 1),
        ("short-adobe", 0xEE, b"Adobe", 1),
        ("short-jfif", 0xE0, b"JFIF\0", 1),
        ("remarks-without-end", 0xFE, b"", 60_000),
    ):
        yield Hostile(f"jpeg-{name}", TAKEN, _with(marker, contents, times))


def _structure() -> Iterator[Hostile]:
    start, rest = _PHOTO[:2], _PHOTO[2:]
    yield Hostile("jpeg-segment-of-no-length", DAMAGED, start + b"\xff\xfe\0\0" + rest)
    yield Hostile("jpeg-segment-beyond-its-end", DAMAGED, start + b"\xff\xfe\xff\xff" + rest[:40])
    yield Hostile("jpeg-padding", TAKEN, start + b"\xff" * 1_000_000 + rest)
    yield Hostile("jpeg-padding-alone", DAMAGED, start + b"\xff" * 1_000_000)
    yield Hostile("jpeg-junk", ANY_PICTURE, start + b"\xff\xfe\0\2" + b"\0\x12" * 99_999 + rest)
    for name, old, new, statuses in (
        ("lossless", b"\xff\xc0", b"\xff\xc3", DAMAGED),
        ("arithmetic", b"\xff\xc0", b"\xff\xc9", ANY_PICTURE),
        ("hierarchical", b"\xff\xc0", b"\xff\xde", ANY_PICTURE),
        ("no-frame-header", b"\xff\xc0", b"\xff\xfe", DAMAGED),
        ("no-quantization", b"\xff\xdb", b"\xff\xfe", DAMAGED),
        ("no-huffman", b"\xff\xc4", b"\xff\xfe", ANY_PICTURE),
        ("no-end", b"\xff\xd9", b"", ANY_PICTURE),
    ):
        yield Hostile(f"jpeg-{name}", statuses, _PHOTO.replace(old, new))


def _with(marker: int, contents: bytes, times: int = 1) -> bytes:
    segment = bytes([0xFF, marker]) + (len(contents) + 2).to_bytes(2) + contents
    return _PHOTO[:2] + segment * times + _PHOTO[2:]


def _patched(at: int, value: bytes) -> bytes:
    place = _PHOTO.index(b"\xff\xc0") + at
    return _PHOTO[:place] + value + _PHOTO[place + len(value) :]


def _exif_of_itself() -> bytes:
    """Return EXIF whose directory leads to itself in every way there is."""
    tags = (0x8769, 0x8825, 0xA005, 0x014A)
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, 8) for tag in tags)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, 4) + entries + struct.pack("<I", 8)


def _profile(parts: int) -> bytes:
    return b"ICC_PROFILE\0\1" + bytes([parts]) + bytes(65_000)
