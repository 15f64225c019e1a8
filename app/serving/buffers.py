"""Inputs on their way to the inference process: anonymous memory, passed as a descriptor.

Nothing has a name, so nothing is left behind when a process dies, and no limit of /dev/shm counts.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from collections.abc import Sequence

from app.serving.packing import Layout, aligned, size_of

# Reading past the end of a file that shrank would kill the reader.
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW

# To make memory takes longer than to fill it, so that of pictures which decode in a few
# milliseconds is kept: so many pieces, each for one of up to 832 x 840 pixels.
_KEPT, _KEPT_BYTES = 8, 2 << 20


class BuffersError(Exception):
    """A descriptor that does not hold what was announced; its text is one line."""


class Buffers:
    """The memory in which one process passes its inputs on. Safe to share between threads."""

    def __init__(self) -> None:
        self._free: list[int] = []

    def __del__(self) -> None:
        for descriptor in self._free:
            os.close(descriptor)

    def fill(self, layout: Layout, parts: Sequence[memoryview]) -> int:
        """Copy packed tensors into memory that is nobody else's; return its descriptor.

        It goes to `keep` once whoever reads it has said that nothing refers to it any more, else to
        `os.close`.
        """
        size = size_of(layout)
        descriptor = self._kept() if size <= _KEPT_BYTES else None
        if descriptor is None:
            descriptor = _new_memory(max(size, _KEPT_BYTES))
        try:
            for offset, part in aligned(parts):
                _write(descriptor, part, offset)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def keep(self, descriptor: int) -> None:
        """Take memory back for other inputs."""
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
    descriptor = os.memfd_create("inputs", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(descriptor, size)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _write(descriptor: int, data: memoryview, offset: int) -> None:
    written = 0
    while written < len(data):
        written += os.pwrite(descriptor, data[written:], offset + written)


class Mapped:
    """The memory behind a descriptor, without copying it: `data` is for `packing.unpack`.

    The descriptor can be closed afterwards. Raises BuffersError.
    """

    def __init__(self, descriptor: int, layout: Layout) -> None:
        expected = size_of(layout)
        _check(descriptor, expected)
        self._memory = (
            mmap.mmap(descriptor, expected, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
            if expected
            else None
        )

    @property
    def data(self) -> memoryview:
        """What is in it."""
        return memoryview(self._memory or b"")

    def release(self) -> bool:
        """Let go of it; say whether nothing refers to it any more, so that it may change."""
        try:
            if self._memory is not None:
                self._memory.close()
        except BufferError:
            return False
        return True


def _check(descriptor: int, expected: int) -> None:
    try:
        size = os.fstat(descriptor).st_size
        seals = fcntl.fcntl(descriptor, fcntl.F_GET_SEALS)
    except OSError as error:
        raise BuffersError(f"the descriptor is no shared memory: {error.strerror}") from error
    if size < expected:
        raise BuffersError(f"{size} bytes; {expected} are announced")
    if seals & _SEALS != _SEALS:
        raise BuffersError("the shared memory is not sealed")
