"""Tells whether the client of a request still waits for the answer.

The server's own connection does not tell: uWSGI's router, once it has read a request, looks at the
client again only when it has the answer. The kernel knows, and shows it in /proc/net/tcp.
"""

from __future__ import annotations

import ipaddress
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from app.serving.client import IsGone

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
# A line's number, the server's address and port, the client's, and the state "established".
_ESTABLISHED = re.compile(
    rb"^ *\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]*([0-9A-F]{8}):([0-9A-F]{4}) 01 ", re.MULTILINE
)
# How old an answer may be, and how many times longer than it took a core: the tables hold every
# connection of the machine or pod, thousands of them just when there is most to do.
_FRESH_S = 0.2
_TIMES_LONGER = 30
# So many of the first clients are looked for at once; a new one is in no table that is much older.
_FIRST_LOOKS, _SOON_S = 20, 0.02

#: Last word of a client's address, its port, the server's port.
Caller = tuple[int, int, int]


class Callers:
    """The clients that are connected to this machine or pod. Safe to share between threads."""

    def __init__(self, tables: tuple[Path, ...] = _TABLES) -> None:
        self._tables = tables
        self._lock = threading.Lock()
        self._connected: frozenset[Caller] = frozenset()
        self._read_at = 0.0
        self._fresh_until = 0.0
        self._has_found, self._first_looks = False, 0

    def watch(self, environ: Mapping[str, Any]) -> IsGone | None:
        """Return what tells whether a request's client has hung up; None where nothing can."""
        try:
            address = ipaddress.ip_address(environ["REMOTE_ADDR"]).packed
            ports = int(environ["REMOTE_PORT"]), int(environ["SERVER_PORT"])
        except (KeyError, ValueError, OverflowError):
            return None
        # The tables hold an address in words of this machine's byte order; of a long one the last
        # word is enough, with the port. uWSGI's router tells the client's port with its bytes
        # swapped, other servers as it is.
        word = int.from_bytes(address[-4:], sys.byteorder)
        swapped = int.from_bytes(ports[0].to_bytes(2, "big"), "little")
        callers = frozenset({(word, *ports), (word, swapped, ports[1])})
        begun_at = time.monotonic()
        missed: set[float] = set()
        if not self._has_found and self._first_looks < _FIRST_LOOKS:
            # Whether this machine's tables and the server speak of the same clients is to be known
            # before one of them hangs up.
            self._first_looks += 1
            self._fresh_until = min(self._fresh_until, self._read_at + _SOON_S)
            self._is_gone(callers, begun_at, missed)
        return lambda: self._is_gone(callers, begun_at, missed)

    def _is_gone(self, callers: frozenset[Caller], begun_at: float, missed: set[float]) -> bool:
        """Say whether two readings have missed a client; `missed` keeps when they were made.

        One may miss a client that is there: the kernel shows the table piece by piece, and it
        changes between two of them. One made before the client came does not count.
        """
        connected, read_at = self._now()
        if callers & connected:
            self._has_found = True
            missed.clear()
        elif read_at > begun_at:
            missed.add(read_at)
        # Where no client was ever found, the requests tell other addresses than the kernel.
        return self._has_found and len(missed) >= 2

    def _now(self) -> tuple[frozenset[Caller], float]:
        """Return who was connected at the last reading, and when that began."""
        with self._lock:
            begun_at = time.monotonic()
            if begun_at > self._fresh_until:
                used_s = time.thread_time()
                self._connected, self._read_at = frozenset(self._read()), begun_at
                used_s = time.thread_time() - used_s
                self._fresh_until = time.monotonic() + max(_FRESH_S, _TIMES_LONGER * used_s)
            return self._connected, self._read_at

    def _read(self) -> Iterator[Caller]:
        for table in self._tables:
            try:
                text = table.read_bytes()
            except OSError:
                continue
            for here, word, there in _ESTABLISHED.findall(text):
                yield int(word, 16), int(there, 16), int(here, 16)
