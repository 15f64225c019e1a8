"""GIFs, WebPs and AVIFs made to do harm: frames without end, frames of any size, broken boxes."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from PIL import Image

from app.images.formats import FORMATS
from tests.app.api.hostile.sending import ANY_PICTURE, DAMAGED, TAKEN, TOO_LARGE, Hostile
from tests.app.pictures import bombs
from tests.app.pictures.making import encode, exif_of, scene

_LARGEST = (65_535, 65_535)


def animations() -> Iterator[Hostile]:
    """Yield them all."""
    for kind in (_gif_sizes, _gif_structure, _webp_sizes, _webp_structure, _avifs):
        yield from kind()


def _gif_sizes() -> Iterator[Hostile]:
    for screen, frame in (
        (_LARGEST, (1, 1)),
        ((1, 1), _LARGEST),
        (_LARGEST, _LARGEST),
        ((5001, 1), (1, 1)),
        ((1001, 1000), (4, 4)),
    ):
        name = "gif-of-{}x{}-frame-{}x{}".format(*screen, *frame)
        yield Hostile(name, TOO_LARGE, bombs.gif(screen, frame))
    yield Hostile("gif-frame-of-no-size", DAMAGED, bombs.gif((4, 4), (0, 0)))
    yield Hostile("gif-of-no-size", ANY_PICTURE, bombs.gif((0, 0), (4, 4)))
    yield Hostile("gif-of-no-size-at-all", DAMAGED, bombs.gif((0, 0), (0, 0)))
    yield Hostile("gif-larger-than-its-data", DAMAGED, bombs.gif((900, 900), (900, 900)))
    yield Hostile("gif-of-many-frames", TOO_LARGE, bombs.gif((4, 4), (4, 4), frames=40_000))


def _gif_structure() -> Iterator[Hostile]:
    plain = encode(scene((16, 16)), "GIF")
    start = plain.index(b",\0\0\0\0")
    head, frame = plain[:start], plain[start:]
    crumbs = b"!\xfe" + b"\x01x" * 300_000 + b"\0"
    for name, statuses, data in (
        ("remark-in-crumbs", TAKEN, head + crumbs + frame),
        ("remarks-without-end", ANY_PICTURE, head + b"!\xfe\0" * 200_000),
        ("remark-then-nothing", DAMAGED, head + b"!\xfe"),
        ("no-frame", DAMAGED, head + b";"),
        ("unknown-block", DAMAGED, head + b"?" + frame),
        ("palette-beyond-its-end", DAMAGED, b"GIF89a\4\0\4\0\xf7\0\0" + bytes(9)),
        ("code-size-of-255", DAMAGED, bombs.gif_of_code_size(255)),
        ("code-size-of-0", ANY_PICTURE, bombs.gif_of_code_size(0)),
        ("code-size-of-12", ANY_PICTURE, bombs.gif_of_code_size(12)),
    ):
        yield Hostile(f"gif-{name}", statuses, data)


def _webp_sizes() -> Iterator[Hostile]:
    for size in ((1 << 24, 1 << 24), (1 << 24, 1), (16_383, 16_383), (5001, 1), (1001, 1000)):
        yield Hostile("webp-canvas-of-{}x{}".format(*size), TOO_LARGE, bombs.webp(size))
    yield Hostile("webp-canvas-too-large", ANY_PICTURE, bombs.webp((900, 900)))
    yield Hostile("webp-canvas-too-small", ANY_PICTURE - TAKEN, bombs.webp((4, 4)))
    lossy = encode(scene((16, 16)), "WEBP")
    yield Hostile("webp-lossy-of-any-size", TOO_LARGE, lossy[:26] + b"\xff\x3f" * 2 + lossy[30:])
    lossless = encode(scene((16, 16)), "WEBP", lossless=True)
    data = lossless[:21] + b"\xff\xff\xff\x0f" + lossless[25:]
    yield Hostile("webp-lossless-of-any-size", TOO_LARGE, data)
    yield Hostile("webp-animated", TAKEN, bombs.webp((16, 16), frames=20))
    yield Hostile("webp-of-many-frames", TOO_LARGE, bombs.webp((16, 16), frames=10_000))
    yield Hostile("webp-frame-beyond-its-canvas", DAMAGED, bombs.webp((8, 8), frames=2))


def _webp_structure() -> Iterator[Hostile]:
    plain = encode(scene((16, 16)), "WEBP")
    extended = bombs.webp((16, 16))
    for name, data in {
        "of-no-length": plain[:4] + bytes(4) + plain[8:],
        "longer-than-its-data": plain[:4] + b"\xff\xff\xff\x7f" + plain[8:],
        "chunk-longer-than-its-data": plain[:16] + b"\xf0\xff\xff\xff" + plain[20:],
        "giant-exif": extended + bombs.riff(b"EXIF", b"Exif\0\0" * 100_000),
        "many-chunks": extended + bombs.riff(b"XXXX", b"") * 99_999,
    }.items():
        yield Hostile(f"webp-{name}", ANY_PICTURE, data)


def _avifs() -> Iterator[Hostile]:
    if "AVIF" not in FORMATS:
        return
    plain = encode(scene(), "AVIF", exif=exif_of(6))
    place = plain.index(b"ispe") + 8
    for size in ((2**32 - 1, 2**32 - 1), (65_535, 1), (5001, 1), (1001, 1000)):
        data = plain[:place] + struct.pack(">II", *size) + plain[place + 8 :]
        yield Hostile("avif-of-{}x{}".format(*size), TOO_LARGE | DAMAGED, data)
    larger = plain[:place] + struct.pack(">II", 900, 900) + plain[place + 8 :]
    yield Hostile("avif-larger-than-its-data", ANY_PICTURE, larger)
    meta = plain.index(b"meta") - 4
    boxes = plain[:meta] + struct.pack(">I", 8) * 100_000
    yield Hostile("avif-boxes-without-end", DAMAGED, boxes)
    for name in (b"meta", b"iloc", b"iinf", b"ipco", b"ipma", b"av1C", b"pitm", b"hdlr"):
        missing = plain.replace(name, b"free", 1)
        yield Hostile(f"avif-no-{name.decode()}", ANY_PICTURE, missing)
        at = plain.index(name)
        far = plain[: at - 4] + b"\x7f\xff\xff\xff" + plain[at:]
        yield Hostile(f"avif-{name.decode()}-beyond-its-end", ANY_PICTURE, far)
    frames = [Image.new("RGB", (16, 16), (level, 0, 0)) for level in range(21)]
    many = encode(frames[0], "AVIF", save_all=True, append_images=frames[1:], speed=10)
    yield Hostile("avif-of-many-frames", TOO_LARGE, many)
