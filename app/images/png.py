"""PNG: the chunks that make the pixels.

Texts, profiles and the frames of an animation stay behind, and with them the compressed ones that
blow up, and those whose checksum is wrong. IDAT is an animation's first frame or stands for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from PIL.PngImagePlugin import PngImageFile

from app.images.contents import Contents, WatchedFile
from app.images.exif import orientation
from app.images.limits import Budget, ImageLimits

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_ONCE = frozenset({b"IHDR", b"PLTE", b"IEND"})
_ACTL_BYTES = 20


def read(data: bytes, limits: ImageLimits, budget: Budget) -> Contents:
    """Return what makes the pixels."""
    kept = [SIGNATURE]
    exif, frames = None, 1
    seen: set[bytes] = set()
    for name, start, end in _chunks(data, budget):
        if name == b"IDAT" or (name in _ONCE and name not in seen):
            kept.append(data[start:end])
        elif name == b"eXIf" and exif is None:
            exif = data[start + 8 : end - 4]
        elif name == b"acTL" and end - start == _ACTL_BYTES:
            frames = max(1, int.from_bytes(data[start + 8 : start + 12]))
        seen.add(name)
    file = WatchedFile(b"".join(kept), budget)
    return Contents(open=lambda: PngImageFile(file), orientation=orientation(exif), frames=frames)


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
