"""Bytes of an uploaded picture become pixels: upright, RGB, 8 bits.

What opens pictures is imported from its own module: the limits are settings, which are read where
no Pillow is.
"""

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
    "ImageError",
    "ImageFramesError",
    "ImageLimits",
    "ImageTimeoutError",
    "ImageTooLargeError",
    "ImageUnreadableError",
    "ImageUnrecognisedError",
]
