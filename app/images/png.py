"""PNG: the chunks that make the pixels.

Texts, profiles and the frames of an animation stay behind, and with them the compressed ones that
blow up, and those whose checksum is wrong. IDAT is an animation's first frame or stands for it.
What is transparent without a channel of its own (tRNS) is worked out here: Pillow would refuse a
picture for a chunk of the wrong length, and compare keys of 16 bits with pixels of 8.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL.ImageFile import ImageFile
from PIL.PngImagePlugin import PngImageFile

from app.images.contents import ByPillow, Contents, WatchedFile
from app.images.exif import orientation
from app.images.limits import STEPS, Budget, ImageLimits
from mrcnn.pictures.pixels import alpha

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_ONCE = frozenset({b"IHDR", b"PLTE", b"IEND"})
_ACTL_BYTES = 20
_GREY, _COLOURS, _PALETTE = 0, 2, 3
# By the colour type, how many samples a pixel has.
_SAMPLES = {_GREY: 1, _COLOURS: 3, _PALETTE: 1, 4: 2, 6: 4}
# Where each pass of an interlaced picture begins, and by how much it goes on (PNG, Adam7).
_PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
_INFLATED_BYTES = 1 << 18


def read(data: bytes, limits: ImageLimits, budget: Budget) -> Contents:
    """Return what makes the pixels."""
    kept = [SIGNATURE]
    exif, frames, key = None, 1, b""
    seen: set[bytes] = set()
    for name, start, end in _chunks(data, budget):
        if not seen and name != b"IHDR":
            raise ValueError("it does not begin with its header")
        if name == b"IDAT" and data[25:26] == b"\3" and b"PLTE" not in seen:
            raise ValueError("its pixels are indices, and it has no palette before them")
        if name == b"IDAT" or (name in _ONCE and name not in seen):
            kept.append(data[start:end])
        elif name == b"eXIf" and exif is None:
            exif = data[start + 8 : end - 4]
        elif name == b"tRNS" and not key and _is_sound(data[start:end]):
            key = data[start + 8 : end - 4]
        elif name == b"acTL" and end - start == _ACTL_BYTES:
            frames = max(1, int.from_bytes(data[start + 8 : start + 12]))
        seen.add(name)
    file = b"".join(kept)
    fourth = partial(_fourth, file=file, key=key, budget=budget)
    check = partial(_check_rows, file=file, budget=budget)
    return Contents(
        open=lambda: ByPillow(PngImageFile(WatchedFile(file, budget)), fourth, check),
        orientation=orientation(exif),
        frames=frames,
    )


def _chunks(data: bytes, budget: Budget) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and end of each chunk; the last may end after the file does."""
    start = len(SIGNATURE)
    while start + 8 <= len(data):
        budget.check()
        name = data[start + 4 : start + 8]
        end = start + 12 + int.from_bytes(data[start : start + 4])
        yield name, start, end
        if name == b"IEND":
            return
        start = end


def _is_sound(chunk: bytes) -> bool:
    return zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:])


def _check_rows(image: ImageFile, *, file: bytes, budget: Budget) -> None:
    """Raise ValueError where the stream ends before the rows do: Pillow leaves the others black."""
    width, height = image.size
    is_interlaced = file[28] != 0
    if not is_interlaced and any(image.crop((0, height - 1, width, height)).tobytes()):
        return
    expected = _bytes_of_rows(width, height, file[24] * _SAMPLES[file[25]], is_interlaced)
    count, inflate = 0, zlib.decompressobj()
    with contextlib.suppress(zlib.error):
        for name, start, end in _chunks(file, budget):
            left = file[start + 8 : end - 4] if name == b"IDAT" else b""
            while left and count < expected:
                budget.check(STEPS)
                count += len(inflate.decompress(left, _INFLATED_BYTES))
                left = inflate.unconsumed_tail
    if count < expected:
        raise ValueError(f"its rows are {count:,} bytes of {expected:,}")


def _bytes_of_rows(width: int, height: int, bits: int, is_interlaced: bool) -> int:
    """Return how many bytes all rows are, each with one that says how it is filtered."""
    passes = _PASSES if is_interlaced else ((0, 0, 1, 1),)
    total = 0
    for left, top, across, down in passes:
        columns, rows = -((left - width) // across), -((top - height) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total


def _fourth(
    image: ImageFile, *, file: bytes, key: bytes, budget: Budget
) -> NDArray[np.uint8] | None:
    """Return the channel of the file, or what its tRNS says of each pixel: 0 to 255."""
    bits, colour = file[24], file[25]
    if colour == _PALETTE and 0 < len(key) <= 1 << bits:
        table = np.full(256, 255, np.uint8)
        table[: len(key)] = np.frombuffer(key, np.uint8)
        return table[np.asarray(image)]
    if colour == _GREY and len(key) == 2:
        # Pillow scales the fewer bits to 8, and not the 16.
        level = int.from_bytes(key) * (255 // ((1 << bits) - 1) if bits < 8 else 1)
        return _hidden(np.asarray(image, np.uint16) * (255 if bits == 1 else 1) == level)
    if colour == _COLOURS and len(key) == 6:
        wanted = np.frombuffer(key, np.uint8).reshape(3, 2)
        if bits == 8:
            is_sought = np.asarray(image) == wanted[:, 1]
            return _hidden(is_sought.all(axis=2) & ~wanted[:, 0].any())
        low = PngImageFile(WatchedFile(file, budget))
        # The unpacker for the other byte order takes the lower byte of each sample.
        low.tile = [tile._replace(args="RGB;16L") for tile in low.tile]
        low.load()
        is_sought = (np.asarray(image) == wanted[:, 0]) & (np.asarray(low) == wanted[:, 1])
        return _hidden(is_sought.all(axis=2))
    return alpha(image)


def _hidden(is_sought: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return np.where(is_sought, np.uint8(0), np.uint8(255))
