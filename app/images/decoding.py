"""Bytes of an uploaded picture become pixels: upright, RGB, 8 bits.

The limits hold before a pixel is decoded, except for time. That is measured on the thread's own
clock at every block that Pillow reads; a decoder that takes the file in one piece (WebP, AVIF,
HEIC, a compressed TIFF, a baseline JPEG) is not interrupted, and its time bounded by the limit on
pixels.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.images.capacity import Capacity
from app.images.contents import Contents, Opened
from app.images.exif import upright
from app.images.formats import reader_of
from app.images.limits import (
    Budget,
    ImageError,
    ImageLimits,
    ImageTooLargeError,
    ImageUnreadableError,
)

# Pillow's own limit is a warning first; here is the one that Settings gives instead.
Image.MAX_IMAGE_PIXELS = None
# What Pillow remarks of a picture, beside its errors, is nobody's business here, and a hostile one
# can make it remark thousands of things.
warnings.filterwarnings("ignore", module=r"PIL\.")
logging.getLogger("PIL").setLevel(logging.CRITICAL)


# So many of the largest pictures, or any number of smaller ones.
_LARGEST_AT_ONCE = 2
_capacity = Capacity()


def measure(data: bytes, limits: ImageLimits) -> tuple[int, int]:
    """Return the picture's width and height, as its header tells them; raises an `ImageError`."""
    with _read(data, limits) as contents:
        width, height = contents.size or contents.open().size
        limits.check_size(width, height)
        return (height, width) if contents.orientation >= 5 else (width, height)


def decode(data: bytes, limits: ImageLimits, *, keep_alpha: bool = False) -> NDArray[np.uint8]:
    """Return the picture as uint8 [height, width, 3] RGB, turned as its EXIF orientation says.

    With `keep_alpha` a picture that has a fourth channel (transparency, depth) is uint8 [height,
    width, 4]: the same colours, and that channel as it is stored. The array may be read-only. Waits
    while too many other pictures are decoded. Raises an `ImageError`.
    """
    with _read(data, limits) as contents:
        opened = None if contents.size else contents.open()
        width, height = contents.size or cast(Opened, opened).size
        limits.check_size(width, height)
        worth = max(width * height, contents.worth)
        with _capacity.held(worth, _LARGEST_AT_ONCE * limits.max_pixels):
            opened = opened or contents.open()
            # The size that the file's own reader has found may be another one than Pillow's.
            limits.check_size(*opened.size)
            pixels = opened.pixels(keep_alpha=keep_alpha)
            limits.check_size(*pixels.shape[1::-1])
            return upright(pixels, contents.orientation)


@contextmanager
def _read(data: bytes, limits: ImageLimits) -> Iterator[Contents]:
    """Give what makes the pixels; whatever fails on the picture's bytes is an `ImageError`."""
    if len(data) > limits.max_bytes:
        raise ImageTooLargeError("bytes", len(data), limits.max_bytes)
    if not data:
        raise ImageUnreadableError("the picture is empty: it has 0 bytes")
    name, read = reader_of(data)
    try:
        contents = read(data, limits, Budget(limits.timeout_s))
        limits.check_frames(contents.frames)
        yield contents
    except (ImageError, MemoryError):
        raise
    except Exception as error:
        # Decoders of damaged bytes fail with errors of any kind.
        reason = str(error) or type(error).__name__
        text = f"the {name} picture is damaged, or of a rare kind: {reason}"
        raise ImageUnreadableError(text) from error
