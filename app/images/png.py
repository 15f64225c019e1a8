"""PNG: the chunks that make the pixels.

Texts, profiles and the frames of an animation stay behind, and with them the compressed ones that
blow up, and those whose checksum is wrong. IDAT is an animation's first frame or stands for it.
What is transparent without a channel of its own (tRNS) is worked out here: Pillow would refuse a
picture for a chunk of the wrong length, and compare keys of 16 bits with pixels of 8.
"""

from __future__ import annotations

import zlib
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL.ImageFile import ImageFile
from PIL.PngImagePlugin import PngImageFile

from app.images.contents import ByPillow, Contents, WatchedFile
from app.images.exif import orientation
from app.images.limits import STEPS, Budget, ImageLimits
from mrcnn.pictures.pixels import alpha
from mrcnn.pictures.png import SIGNATURE, check_whole, chunks

_ONCE = frozenset({b"IHDR", b"PLTE", b"IEND"})
_ACTL_BYTES = 20
_GREY, _COLOURS, _PALETTE = 0, 2, 3


def read(data: bytes, limits: ImageLimits, budget: Budget) -> Contents:
    """Return what makes the pixels."""
    kept = [SIGNATURE]
    exif, frames, key = None, 1, b""
    seen: set[bytes] = set()
    for name, start, end in chunks(data):
        budget.check()
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
    check = partial(check_whole, file=file, check=lambda: budget.check(STEPS))
    return Contents(
        open=lambda: ByPillow(PngImageFile(WatchedFile(file, budget)), fourth, check),
        orientation=orientation(exif),
        frames=frames,
    )


def _is_sound(chunk: bytes) -> bool:
    return zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:])


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
