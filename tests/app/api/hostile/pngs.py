"""PNGs made to do harm: sizes that lie, chunks that blow up, chunks that are missing or broken."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from tests.app.api.hostile.sending import ANY_PICTURE, DAMAGED, TAKEN, TOO_LARGE, Hostile
from tests.app.pictures import bombs
from tests.app.pictures.making import chunk, png

_END = chunk(b"IEND", b"")


def pngs() -> Iterator[Hostile]:
    """Yield them all."""
    for kind in (_sizes, _remarks, _structure, _pixels):
        yield from kind()


def _sizes() -> Iterator[Hostile]:
    for size in ((2**31 - 1, 2**31 - 1), (2**32 - 1, 1), (1, 5001), (1001, 1000)):
        yield Hostile("png-of-{}x{}".format(*size), TOO_LARGE, bombs.png_with_size(*size))
    yield Hostile("png-of-no-width", DAMAGED, bombs.png_with_size(0, 4))
    yield Hostile("png-larger-than-its-data", DAMAGED, bombs.png_with_size(900, 900))
    yield Hostile("png-bomb", TAKEN, png((1, 1), bytes(25_000_000)))
    yield Hostile("png-of-a-million-frames", TOO_LARGE, bombs.apng(1_000_000))


def _remarks() -> Iterator[Hostile]:
    bomb = zlib.compress(bytes(10_000_000), 9)
    frame = struct.pack(">IIIIIHHBB", 0, 9000, 9000, 2**31, 2**31, 1, 1, 0, 0)
    for name, extra in {
        "profile-bombs": chunk(b"iCCP", b"a\0\0" + bomb) * 30,
        "text-bombs": chunk(b"zTXt", b"a\0\0" + bomb) * 30,
        "international-text-bombs": chunk(b"iTXt", b"a\0\1\0\0\0" + bomb) * 30,
        "text-without-end": chunk(b"tEXt", b"a\0" + bytes(10**6)),
        "many-chunks": chunk(b"teSt", b"") * 100_000,
        "many-palettes": chunk(b"PLTE", bytes(3)) * 50_000,
        "broken-text": chunk(b"zTXt", b"no end of the name"),
        "broken-profile": chunk(b"iCCP", b""),
        "broken-transparency": chunk(b"tRNS", b"\1"),
        "broken-animation": chunk(b"acTL", b"\1"),
        "wrong-checksum-of-a-text": chunk(b"tEXt", b"a\0b")[:-1] + b"?",
        "giant-exif": chunk(b"eXIf", b"II*\0" + b"\xff" * 10**6),
        "frame-of-any-size": chunk(b"acTL", struct.pack(">II", 2, 0)) + chunk(b"fcTL", frame),
    }.items():
        yield Hostile(f"png-{name}", TAKEN, _one_pixel(extra))


def _structure() -> Iterator[Hostile]:
    plain = _one_pixel(b"")
    head, rest = plain[:33], plain[33:]
    far = b"\xff\xff\xff\xffIDAT" + rest[8:]
    for name, data in {
        "wrong-checksum-of-the-header": plain[:29] + b"????" + rest,
        "no-header": plain[:8] + rest,
        "no-data": head + _END,
        "empty-data": head + chunk(b"IDAT", b"") + _END,
        "data-that-is-no-zlib": head + chunk(b"IDAT", b"hello") + _END,
        "signature-twice": plain[:8] + plain,
    }.items():
        yield Hostile(f"png-{name}", DAMAGED, data)
    yield Hostile("png-chunk-beyond-its-end", ANY_PICTURE, head + far)
    yield Hostile("png-chunk-of-no-name", ANY_PICTURE, head + bytes(12) + rest)
    yield Hostile("png-header-twice", ANY_PICTURE, head + head[8:] + rest)
    yield Hostile("png-data-in-crumbs", TAKEN, _crumbs())


def _pixels() -> Iterator[Hostile]:
    yield Hostile("png-palette-without-colours", ANY_PICTURE, png((1, 1), b"\0\5", colour=3))
    yield Hostile("png-odd-kind", DAMAGED, png((1, 1), b"\0\5", colour=7))
    yield Hostile("png-odd-bits", DAMAGED, png((1, 1), b"\0\5", bits=3))
    yield Hostile("png-odd-filter", DAMAGED, png((2, 1), b"\x09" + bytes(6)))


def _one_pixel(extra: bytes) -> bytes:
    return png((1, 1), b"\0\x01\x02\x03", extra=extra)


def _crumbs() -> bytes:
    """Return a PNG of one byte of data a chunk."""
    data = zlib.compress(b"".join(b"\0" + bytes(3 * 90) for _ in range(90)))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 90, 90, 8, 2, 0, 0, 0))
    crumbs = b"".join(chunk(b"IDAT", data[at : at + 1]) for at in range(len(data)))
    return b"\x89PNG\r\n\x1a\n" + header + crumbs + _END
