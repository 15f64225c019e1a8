"""AVIF, which Pillow's wheels decode, and HEIC, where `pillow_heif` is installed beside it.

Both keep a picture's turn in a property of the container, which the decoders apply or tell; EXIF's
has no say. A decoder gets the file in one piece: its time is bounded by the limit on pixels, and
for a file whose header lies about its size by the decoders' own limit, some 270 million.
"""

from __future__ import annotations

import importlib.util
import re

from PIL import features
from PIL.AvifImagePlugin import AvifImageFile
from PIL.ImageFile import ImageFile

from app.images.contents import ByPillow, Contents, WatchedFile
from app.images.exif import orientation
from app.images.limits import Budget, ImageLimits

HAS_AVIF = features.check("avif") is True
HAS_HEIC = importlib.util.find_spec("pillow_heif") is not None

_AVIF = frozenset({b"avif", b"avis"})
_HEIC = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs"})
# An entry of the table of items: its head, then the number and the protection of the item.
_EXIF_ITEM = re.compile(rb"(infe(?:\x02...|\x03.....)....)Exif", re.DOTALL)


def brand(head: bytes) -> str | None:
    """Return AVIF or HEIC for a file's first bytes, or None."""
    if head[4:8] != b"ftyp":
        return None
    size = int.from_bytes(head[:4])
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, min(size, len(head)), 4))}
    if brands & _AVIF:
        return "AVIF"
    return "HEIC" if brands & _HEIC else None


def read_avif(data: bytes, limits: ImageLimits, budget: Budget) -> Contents:
    """Return the file without its EXIF, which Pillow would read and could stumble over."""
    file = WatchedFile(_EXIF_ITEM.sub(rb"\1none", data), budget)
    image: ImageFile = AvifImageFile(file)
    # What Pillow gives as EXIF it has made of the container's own turn.
    turn = orientation(image.info.get("exif"))
    return Contents(open=lambda: ByPillow(image), orientation=turn, frames=_frames(image))


def read_heic(data: bytes, limits: ImageLimits, budget: Budget) -> Contents:
    """Return the whole file; the decoder turns the picture by itself."""
    from pillow_heif import HeifImageFile

    image: ImageFile = HeifImageFile(WatchedFile(data, budget))
    return Contents(open=lambda: ByPillow(image), frames=_frames(image))


def _frames(image: ImageFile) -> int:
    return int(getattr(image, "n_frames", 1))
