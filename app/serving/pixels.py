"""A photo's pixels on their way to the inference process: anonymous memory, passed as a descriptor.

Nothing has a name, so nothing is left behind when a process dies, and no limit of /dev/shm counts.
"""

from __future__ import annotations

import fcntl
import mmap
import os

import numpy as np
from numpy.typing import NDArray

# Neither side can change or shorten a photo once it is passed: reading past the end of a file that
# shrank would kill the reader.
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


class PixelsError(Exception):
    """A descriptor that does not hold the photo announced; its text is one line."""


def check_image(image: NDArray[np.uint8]) -> None:
    """Raise ValueError unless the image is uint8 [height, width, 3] with at least one pixel."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ValueError(
            f"an image is uint8 [height, width, 3], not {image.dtype} {list(image.shape)}"
        )


def share_pixels(image: NDArray[np.uint8]) -> int:
    """Copy the image into sealed memory and return its descriptor, which the caller closes."""
    descriptor = os.memfd_create("pixels", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        left = np.ascontiguousarray(image).data.cast("B")
        while left:
            left = left[os.write(descriptor, left) :]
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def map_pixels(descriptor: int, height: int, width: int) -> NDArray[np.uint8]:
    """Return the photo behind a descriptor, uint8 [height, width, 3], without copying it.

    The descriptor can be closed afterwards. Raises PixelsError.
    """
    expected = height * width * 3
    try:
        size = os.fstat(descriptor).st_size
        seals = fcntl.fcntl(descriptor, fcntl.F_GET_SEALS)
    except OSError as error:
        raise PixelsError(f"the descriptor is no shared memory: {error.strerror}") from error
    if min(height, width) < 1 or size != expected:
        raise PixelsError(f"{size} bytes for {height} x {width} pixels; it must be {expected}")
    if seals & _SEALS != _SEALS:
        raise PixelsError("the shared memory is not sealed")
    memory = mmap.mmap(descriptor, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
    return np.frombuffer(memory, np.uint8).reshape(height, width, 3)
