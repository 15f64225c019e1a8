"""uWSGI's two routers as `slipway serve` sees them, by what they tell on their stats sockets.

uWSGI starts again what dies of them; what only this project knows about them is done here.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import select
import signal
import socket
from dataclasses import dataclass
from pathlib import Path

from app import log

# Of a photo of that size the way through a file would be most of what it costs to pass it on.
_LARGEST_IN_MEMORY = 128 << 10
_LONGEST_HEAD = 4 + 65_535

_NUMBER = re.compile(rb'^\t"(\w+)":(\d+),?$', re.MULTILINE)


@dataclass(frozen=True)
class StatsSockets:
    """The Unix sockets where the routers tell of themselves."""

    outer: Path
    inner: Path


def largest_body_in_memory() -> int:
    """Return up to how many bytes of a body the inner router may hold in memory; 1 at least.

    A worker's socket has to take the head with the body in one write: what it takes in part 2.0.30
    begins anew. An empty one takes at least two pieces, each of almost half its buffer.
    """
    with socket.socket(socket.AF_UNIX) as probe:
        buffer = probe.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    room = 2 * (buffer // 2 - 64) - _LONGEST_HEAD
    return max(1, min(_LARGEST_IN_MEMORY, room))


class Routers:
    """The outer router, which speaks HTTP, and the inner one, which gathers bodies.

    Args:
        largest_body: the bytes of a body beyond which the inner one need not gather.
    """

    def __init__(self, stats: StatsSockets, largest_body: int) -> None:
        self._stats = stats
        # What is too large by little is refused by the application, in words.
        self._largest_file = 2 * largest_body
        self._inner: int | None = None

    def in_flight(self) -> int:
        """Return how many requests uWSGI has taken and not answered."""
        return _told(self._stats.inner).get("active_sessions", 0)

    def tend(self) -> None:
        """Limit the inner router, a new one too; where one has died let clients notice.

        With it ended all that was in flight. The outer router would keep those connections open
        for as long as idle ones, and their clients waiting: it is ended as well.
        """
        if self._inner is not None and _has_ended(self._inner):
            os.close(self._inner)
            self._inner = None
            outer = _told(self._stats.outer).get("pid")
            log.event("router_died", "ERROR", ended_too=outer)
            if outer is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(outer, signal.SIGKILL)
        if self._inner is None:
            self._inner = self._limited()

    def _limited(self) -> int | None:
        """Return a descriptor of the inner router, once it runs and is limited."""
        process = _told(self._stats.inner).get("pid")
        if process is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            descriptor = os.pidfd_open(process)
            limit = (self._largest_file, self._largest_file)
            resource.prlimit(process, resource.RLIMIT_FSIZE, limit)
            return descriptor
        return None


def _has_ended(process: int) -> bool:
    """Say whether a process has ended, given its descriptor."""
    poll = select.poll()
    poll.register(process, select.POLLIN)
    return bool(poll.poll(0))


def _told(stats: Path) -> dict[str, int]:
    """Return the numbers that a router tells of itself; nothing where it does not answer."""
    answer = b""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(stats))
            while chunk := connection.recv(1 << 16):
                answer += chunk
    except OSError:
        return {}
    # Line by line: what 2.0.30 says of a port that it was given open is no JSON.
    return {name.decode(): int(number) for name, number in _NUMBER.findall(answer)}
