"""Turns requests away at uWSGI's outer router while too many wait behind it already.

Where the workers' socket has no place left, uWSGI's inner router just ends a request, and the outer
one leaves its client waiting for as long as it keeps idle connections. Where the outer router does
not find the inner one, it closes the client's connection at once. So it finds it by a link, which
is taken away while the sockets' queues are long.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import struct
import threading
import time
from pathlib import Path

from app import log

# Within that time the inner router passes on some hundreds of requests.
_TICK_S = 0.02
_START_TICK_S = 0.1
_LOGGED_EACH_S = 1.0

# linux/netlink.h, linux/sock_diag.h, linux/unix_diag.h
_SOCK_DIAG, _BY_FAMILY, _REQUEST = 4, 20, 1
_SHOW_QUEUE, _QUEUE = 1 << 4, 4
_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence number, port
_QUESTION = struct.Struct("=BBHIIIII")  # family, protocol, -, states, inode, show, any cookie
_ANSWER = struct.Struct("=BBBBIII")  # family, type, state, -, inode, cookie
_ATTRIBUTE = struct.Struct("=HHII")  # length, type, connections that wait, how many may
_ANY = 0xFFFFFFFF
_LISTENING = "00010000"
_UNIX_SOCKETS = Path("/proc/net/unix")


class _NoSuchSocketError(Exception):
    pass


class Gate:
    """Opens and shuts the way from the outer router to the inner one.

    Args:
        link: the socket's path for the outer router; the gate makes it, beside the socket.
        sockets: the inner router's, where the link leads to, and the workers'.
        most: connections that may wait in both. Half of them are left when the gate opens again.
    """

    def __init__(self, link: Path, sockets: tuple[Path, Path], most: int) -> None:
        self._link, self._sockets, self._most = link, sockets, most
        self._shut_at: float | None = None
        self._shut_s, self._logged_at = 0.0, 0.0
        # Renamed, not removed: it comes back on a disk that is full, too.
        self._away = link.with_name(f"{link.name}-shut")
        self._away.unlink(missing_ok=True)
        self._link.unlink(missing_ok=True)
        self._link.symlink_to(sockets[0].name)

    def start(self) -> None:
        """Begin to watch; where the kernel does not show the queues the gate stays open."""
        threading.Thread(target=self._watch, name="gate", daemon=True).start()

    def _watch(self) -> None:
        try:
            with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _SOCK_DIAG) as kernel:
                router, workers = map(_found, self._sockets)
                while True:
                    self._tend(_waiting(kernel, router) + _waiting(kernel, workers))
                    time.sleep(_TICK_S)
        except _NoSuchSocketError:
            # uWSGI has ended.
            return
        except OSError as error:
            log.event("gate_stays_open", "WARNING", reason=str(error))
            if self._shut_at is not None:
                self._away.rename(self._link)

    def _tend(self, waiting: int) -> None:
        now = time.monotonic()
        if self._shut_at is None and waiting > self._most:
            self._link.rename(self._away)
            self._shut_at = now
        elif self._shut_at is not None and waiting <= self._most // 2:
            self._away.rename(self._link)
            self._shut_s += now - self._shut_at
            self._shut_at = None
        is_news = self._shut_s > 0 or self._shut_at is not None
        if is_news and now - self._logged_at >= _LOGGED_EACH_S:
            shut_s, self._shut_s, self._logged_at = self._shut_s, 0.0, now
            if self._shut_at is not None:
                shut_s, self._shut_at = shut_s + now - self._shut_at, now
            log.event("turned_away", "WARNING", seconds=round(shut_s, 3), waiting=waiting)


def _found(path: Path) -> int:
    """Return the inode of the socket that listens at a path, once one does."""
    line = re.compile(rf"{_LISTENING} \S+ \S+ +(\d+) {re.escape(str(path))}$", re.MULTILINE)
    while True:
        if match := line.search(_UNIX_SOCKETS.read_text(errors="surrogateescape")):
            return int(match[1])
        time.sleep(_START_TICK_S)


def _waiting(kernel: socket.socket, inode: int) -> int:
    """Return how many connections to a socket wait to be accepted.

    Raises OSError where the kernel does not tell.
    """
    question = _QUESTION.pack(socket.AF_UNIX, 0, 0, _ANY, inode, _SHOW_QUEUE, _ANY, _ANY)
    kernel.send(_HEADER.pack(_HEADER.size + len(question), _BY_FAMILY, _REQUEST, 0, 0) + question)
    answer = kernel.recv(4096)
    _, kind, *_ = _HEADER.unpack_from(answer)
    if kind != _BY_FAMILY:
        (error,) = struct.unpack_from("=i", answer, _HEADER.size)
        if -error == errno.ENOENT:
            raise _NoSuchSocketError
        raise OSError(-error, os.strerror(-error))
    _, attribute, waiting, _ = _ATTRIBUTE.unpack_from(answer, _HEADER.size + _ANSWER.size)
    if attribute != _QUEUE:
        raise OSError(errno.EPROTO, os.strerror(errno.EPROTO))
    return int(waiting)
