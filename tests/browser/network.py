"""A network of the tests' own: loopback alone, where nothing comes or goes.

Chromium gives up what it is loading whenever an interface of the machine changes
(`ERR_NETWORK_CHANGED`), as each pod and each container of other tests changes them: a page
would wait for its script for ever.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

_CLONE_NEWNET = 0x40000000
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1
_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def of_its_own() -> Iterator[None]:
    """Put this thread, and what it starts, into a new network; root alone may, others stay."""
    if os.getuid() != 0:
        yield
        return
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _done(_libc.unshare(_CLONE_NEWNET))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))
        yield
    finally:
        _done(_libc.setns(before, _CLONE_NEWNET))
        os.close(before)


def _done(status: int) -> None:
    if status:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
