"""A photo's pixels on their way to the inference process: anonymous memory, passed as a descriptor.

Nothing has a name, so nothing is left behind when a process dies, and no limit of /dev/shm counts.
"""

from __future__ import annotations

import fcntl
import mmap
import os

import numpy as np
from numpy.typing import NDArray

# Reading past the end of a file that shrank would kill the reader.
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW

# To make memory takes longer than to fill it, so that of photos which decode in a few milliseconds
# is kept: so many pieces, each for one of up to 832 x 840 pixels.
_KEPT, _KEPT_BYTES = 8, 2 << 20

# RGB, and a fourth one where the picture has it: which of them a model takes, its kind knows.
_CHANNELS = (3, 4)


class PixelsError(Exception):
    """A descriptor that does not hold the photo announced; its text is one line."""


def check_image(image: NDArray[np.uint8]) -> None:
    """Raise ValueError unless the image is uint8 [height, width, 3 or 4] with a pixel in it."""
    is_bytes = image.dtype == np.uint8 and image.ndim == 3 and image.size
    if not is_bytes or image.shape[2] not in _CHANNELS:
        raise ValueError(
            f"an image is uint8 [height, width, 3 or 4], not {image.dtype} {list(image.shape)}"
        )


class PixelBuffers:
    """The memory in which one process passes its photos on. Safe to share between threads."""

    def __init__(self) -> None:
        self._free: list[int] = []

    def __del__(self) -> None:
        for descriptor in self._free:
            os.close(descriptor)

    def fill(self, image: NDArray[np.uint8]) -> int:
        """Copy the image into memory that is nobody else's; return its descriptor.

        It goes to `keep` when nobody reads the photo any more, else to `os.close`.
        """
        descriptor = self._kept() if image.nbytes <= _KEPT_BYTES else None
        if descriptor is None:
            descriptor = _new_memory(max(image.nbytes, _KEPT_BYTES))
        try:
            _write(descriptor, np.ascontiguousarray(image).data.cast("B"))
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def keep(self, descriptor: int) -> None:
        """Take memory back for another photo."""
        if len(self._free) < _KEPT and os.fstat(descriptor).st_size == _KEPT_BYTES:
            self._free.append(descriptor)
        else:
            os.close(descriptor)

    def _kept(self) -> int | None:
        try:
            return self._free.pop()
        except IndexError:
            return None


def _new_memory(size: int) -> int:
    descriptor = os.memfd_create("pixels", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(descriptor, size)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _write(descriptor: int, data: memoryview) -> None:
    written = 0
    while written < len(data):
        written += os.pwrite(descriptor, data[written:], written)


def map_pixels(descriptor: int, height: int, width: int, *, channels: int = 3) -> NDArray[np.uint8]:
    """Return the photo behind a descriptor, uint8 [height, width, channels], without copying it.

    The descriptor can be closed afterwards. Raises PixelsError.
    """
    if channels not in _CHANNELS:
        raise PixelsError(f"{channels} channels; a photo has 3 or 4")
    expected = height * width * channels
    try:
        size = os.fstat(descriptor).st_size
        seals = fcntl.fcntl(descriptor, fcntl.F_GET_SEALS)
    except OSError as error:
        raise PixelsError(f"the descriptor is no shared memory: {error.strerror}") from error
    if min(height, width) < 1 or size < expected:
        raise PixelsError(f"{size} bytes for {height} x {width} pixels; {expected} are needed")
    if seals & _SEALS != _SEALS:
        raise PixelsError("the shared memory is not sealed")
    memory = mmap.mmap(descriptor, expected, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
    return np.frombuffer(memory, np.uint8).reshape(height, width, channels)
