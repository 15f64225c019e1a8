"""A network of the tests' own, in which nothing comes or goes.

Chromium gives up what it is loading whenever an interface of the machine changes
(`ERR_NETWORK_CHANGED`), as each pod and each container of other tests changes them: a page's
scripts would not come.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.app.serving.inference_process import wait_for

_CLONE_NEWNET = 0x40000000
# With loopback alone a browser says that it is offline.
_INTERFACES = (
    "link set lo up",
    "link add outside type veth peer name beyond",
    # Else each gets an address more, which changes seconds later, when it was tried.
    "link set outside addrgenmode none",
    "link set beyond addrgenmode none",
    "address add 192.0.2.1/24 dev outside",
    "link set outside up",
    "link set beyond up",
)
_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def of_its_own() -> Iterator[None]:
    """Put this thread, and what it starts, into a new network; others than root stay where they
    are, and so does a machine without iproute2."""
    ip = shutil.which("ip")
    if os.getuid() != 0 or ip is None:
        yield
        return
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _done(_libc.unshare(_CLONE_NEWNET))
        for words in _INTERFACES:
            subprocess.run([ip, *words.split()], check=True)
        wait_for(lambda: _are_up(ip), "the interfaces are up, which is a change too")
        yield
    finally:
        _done(_libc.setns(before, _CLONE_NEWNET))
        os.close(before)


def _are_up(ip: str) -> bool:
    told = subprocess.run([ip, "link"], capture_output=True, text=True, check=True).stdout
    return told.count(" state UP ") == 2


def _done(status: int) -> None:
    if status:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
