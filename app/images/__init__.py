"""Bytes of an uploaded picture become pixels: upright, RGB, 8 bits."""

from app.images.decoding import decode, measure
from app.images.formats import FORMATS
from app.images.limits import (
    ImageError,
    ImageFramesError,
    ImageLimits,
    ImageTimeoutError,
    ImageTooLargeError,
    ImageUnreadableError,
    ImageUnrecognisedError,
)

__all__ = [
    "FORMATS",
    "ImageError",
    "ImageFramesError",
    "ImageLimits",
    "ImageTimeoutError",
    "ImageTooLargeError",
    "ImageUnreadableError",
    "ImageUnrecognisedError",
    "decode",
    "measure",
]
