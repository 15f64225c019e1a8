"""Pictures that the graph itself decodes: looked at before, as TensorFlow would decode any size."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from app.images import ImageError, ImageLimits
from app.images.decoding import measure
from app.kinds.kind import InputError

# What TensorFlow decodes: JPEG, PNG, GIF, BMP, and WebP.
_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"RIFF")
_FORMATS = "JPEG, PNG, GIF, BMP or WebP"
_MOST_BYTES = 2**31
# Graphs make a picture small after they have decoded it.
_PIXELS_A_MOLDED_PIXEL = 8


def check(name: str, given: NDArray[Any], max_molded_pixels: int) -> None:
    """Raise InputError for what the graph would not decode, or not in the memory that there is."""
    most = _PIXELS_A_MOLDED_PIXEL * max_molded_pixels
    limits = ImageLimits(max_bytes=_MOST_BYTES, max_pixels=most)
    for file in given.ravel():
        if not file.startswith(_BEGINNINGS):
            raise InputError(f"{name} is no picture that the model can decode: {_FORMATS}")
        try:
            measure(file, limits)
        except ImageError as error:
            raise InputError(f"{name}: {error}") from error
