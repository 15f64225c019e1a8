"""Which formats are opened, and how the first bytes tell them apart.

Nothing else is ever given to Pillow, so that its rarer decoders are out of reach.
"""

from __future__ import annotations

from collections.abc import Callable

from PIL import features
from PIL.BmpImagePlugin import BmpImageFile

from app.images import gif, heif, jpeg, png, tiff, webp
from app.images.contents import ByPillow, Contents, WatchedFile
from app.images.limits import Budget, ImageLimits, ImageUnrecognisedError
from mrcnn.pictures.png import SIGNATURE

Reader = Callable[[bytes, ImageLimits, Budget], Contents]


def _read_bmp(data: bytes, limits: ImageLimits, budget: Budget) -> Contents:
    return Contents(open=lambda: ByPillow(BmpImageFile(WatchedFile(data, budget))))


_READERS: dict[str, Reader] = {
    "JPEG": jpeg.read,
    "PNG": png.read,
    **({"WebP": webp.read} if features.check("webp") else {}),
    "GIF": gif.read,
    "BMP": _read_bmp,
    "TIFF": tiff.read,
    **({"AVIF": heif.read_avif} if heif.HAS_AVIF else {}),
    **({"HEIC": heif.read_heic} if heif.HAS_HEIC else {}),
}

#: The formats that this installation opens.
FORMATS = tuple(_READERS)

_SIGNATURES = {
    b"\xff\xd8\xff": "JPEG",
    SIGNATURE: "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
}
# After "BM" and the file's size, that of the header: a word of two letters is no picture yet.
_BMP_HEADERS = frozenset({12, 40, 52, 56, 64, 108, 124})


def reader_of(data: bytes) -> tuple[str, Reader]:
    """Return the format's name and its reader; raises ImageUnrecognisedError."""
    name = _recognise(data[:256])
    known = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
    if name is None:
        raise ImageUnrecognisedError(
            f"the {len(data):,} bytes are no picture in a known format ({known})"
        )
    if name not in _READERS:
        raise ImageUnrecognisedError(
            f"the picture is {name}, which this server has no decoder for; it takes {known}"
        )
    return name, _READERS[name]


def _recognise(head: bytes) -> str | None:
    for signature, name in _SIGNATURES.items():
        if head.startswith(signature):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    return heif.brand(head)
