"""Bytes of an uploaded picture become pixels: upright, RGB, 8 bits.

The limits hold before a pixel is decoded, except for time. That is measured on the thread's own
clock at every block that Pillow reads; a decoder that takes the file in one piece (WebP, AVIF,
HEIC, a compressed TIFF) is not interrupted, and its time bounded by the limit on pixels.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageFile import ImageFile

from app.images.contents import Contents
from app.images.formats import reader_of
from app.images.limits import (
    Budget,
    ImageError,
    ImageLimits,
    ImageTooLargeError,
    ImageUnreadableError,
)
from app.images.pixels import rgb, upright

# Pillow's own limit is a warning first; here is the one that Settings gives instead.
Image.MAX_IMAGE_PIXELS = None
# What Pillow remarks of a picture, beside its errors, is nobody's business here, and a hostile one
# can make it remark thousands of things.
warnings.filterwarnings("ignore", module=r"PIL\.")
logging.getLogger("PIL").setLevel(logging.CRITICAL)


def measure(data: bytes, limits: ImageLimits) -> tuple[int, int]:
    """Return the picture's width and height, as its header tells them; raises an `ImageError`."""
    with _opened(data, limits) as (image, contents):
        width, height = image.size
        return (height, width) if contents.orientation >= 5 else (width, height)


def decode(data: bytes, limits: ImageLimits) -> NDArray[np.uint8]:
    """Return the picture as uint8 [height, width, 3] RGB, turned as its EXIF orientation says.

    The array may be read-only. Raises an `ImageError`.
    """
    with _opened(data, limits) as (image, contents):
        image.load()
        # What the header told is what came: a format's own extent of the first frame may add to it.
        limits.check_size(*image.size)
        pixels = rgb(image, contents.samples)
        image.close()
        return upright(pixels, contents.orientation)


@contextmanager
def _opened(data: bytes, limits: ImageLimits) -> Iterator[tuple[ImageFile, Contents]]:
    """Give the picture with its header read; whatever fails on its bytes is an `ImageError`."""
    if len(data) > limits.max_bytes:
        raise ImageTooLargeError("bytes", len(data), limits.max_bytes)
    if not data:
        raise ImageUnreadableError("the picture is empty: it has 0 bytes")
    name, read = reader_of(data)
    budget = Budget(limits.timeout_s)
    try:
        contents = read(data, limits, budget)
        limits.check_frames(contents.frames)
        if contents.size is not None:
            limits.check_size(*contents.size)
        image = contents.open()
        limits.check_size(*image.size)
        yield image, contents
    except (ImageError, MemoryError):
        raise
    except Exception as error:
        # Decoders of damaged bytes fail with errors of any kind.
        reason = str(error) or type(error).__name__
        text = f"the {name} picture is damaged, or of a rare kind: {reason}"
        raise ImageUnreadableError(text) from error
