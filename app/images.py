"""Bytes of an uploaded picture become pixels: upright, RGB, 8 bits.

Only the formats listed here are ever opened, so that Pillow's rarer decoders are out of reach.
Transparency is dropped, as the original code dropped it; of an animation the first frame counts.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")

# Pillow's own limit is a warning first; `decode` holds the one that Settings gives instead.
Image.MAX_IMAGE_PIXELS = None

_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_DECODING_ERRORS = (OSError, ValueError, SyntaxError, EOFError, IndexError, struct.error)


class ImageError(Exception):
    """A picture that cannot be taken; its text is one sentence for the person who sent it."""


class ImageUnrecognisedError(ImageError):
    """The bytes are none of `FORMATS`."""


class ImageUnreadableError(ImageError):
    """The format is known, the contents are damaged."""


class ImageTooLargeError(ImageError):
    """More bytes or pixels than allowed; `value` and `limit` count the `field`."""

    def __init__(self, field: str, value: int, limit: int) -> None:
        super().__init__(f"the picture has {value:,} {field}; at most {limit:,} are accepted")
        self.field, self.value, self.limit = field, value, limit


@dataclass(frozen=True)
class ImageLimits:
    """What one picture may cost: its encoded bytes and its decoded pixels."""

    max_bytes: int
    max_pixels: int


def decode(data: bytes, limits: ImageLimits) -> NDArray[np.uint8]:
    """Return the picture as uint8 [height, width, 3] RGB, turned as its EXIF orientation says.

    Raises an `ImageError`. The size is checked before any pixel is decoded.
    """
    if len(data) > limits.max_bytes:
        raise ImageTooLargeError("bytes", len(data), limits.max_bytes)
    if not data:
        raise ImageUnreadableError("the picture is empty: it has 0 bytes")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        names = ", ".join(FORMATS[:-1])
        raise ImageUnrecognisedError(
            f"the {len(data):,} bytes are no picture in a known format ({names} or {FORMATS[-1]})"
        ) from error
    except _DECODING_ERRORS as error:
        raise ImageUnreadableError(f"the picture's header is damaged: {error}") from error
    if image.width * image.height > limits.max_pixels:
        raise ImageTooLargeError("pixels", image.width * image.height, limits.max_pixels)
    try:
        image.load()
        return np.array(_rgb(_upright(image)))
    except _DECODING_ERRORS as error:
        raise ImageUnreadableError(f"the {image.format} picture is damaged: {error}") from error


def _upright(image: Image.Image) -> Image.Image:
    """Turn the picture as a camera's EXIF tag asks; a tag that cannot be read asks nothing."""
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG)
    except (*_DECODING_ERRORS, KeyError, TypeError):
        return image
    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "I" or image.mode.startswith("I;16"):
        # Pillow would clip 16 bits to the lowest 256 values: a white picture.
        levels = np.clip(np.asarray(image, dtype=np.int64) >> 8, 0, 255)
        image = Image.fromarray(levels.astype(np.uint8))
    return image.convert("RGB")
