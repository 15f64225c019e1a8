"""What the client of a request is told should the process die that works on it: a 502, at once.

uWSGI's routers just end such a request, and let a client that keeps its connection wait. So a
worker leaves its connection and the answer with `slipway serve` (`app.cli.wills`) while it works.
"""

from __future__ import annotations

import array
import contextlib
import itertools
import os
import socket
import struct
import threading
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from flask import Flask, g, request

from app.api.problems import of_dead_worker
from app.api.requests import outside_of_flask

# Whoever takes the wills does nothing else.
_TIMEOUT = struct.pack("ll", 1, 0)


def register(app: Flask, connection: Callable[[], int], executor: Path) -> None:
    """Leave a will for each POST, from when it is looked at until its answer is sent.

    Args:
        app: the application.
        connection: returns the descriptor over which the current request is answered.
        executor: the socket where wills are taken.
    """
    wills = _Executor(executor)

    def leave() -> None:
        if request.method == "POST":
            g.will = wills.leave(g.request_id, _answer(g.request_id), connection())

    def revoke(error: BaseException | None) -> None:
        if "will" in g:
            wills.revoke(g.pop("will"))

    app.before_request(leave)
    app.teardown_request(revoke)


def _answer(request_id: str) -> bytes:
    """Return a whole HTTP answer."""
    problem = of_dead_worker()
    headers, body = outside_of_flask(problem, request_id)
    lines = [
        f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


class _Executor:
    """This process's connection to whoever takes the wills, made when there is a first one.

    Where it fails nobody has a will, and everything else goes on. Shared between threads.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._socket: socket.socket | None = None
        self._process = 0

    def leave(self, request_id: str, answer: bytes, connection: int) -> int:
        """Leave an answer for a connection; return the will's number."""
        number = next(self._numbers)
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [connection]))
        self._send([f"{number} {request_id}\n".encode(), answer], [rights])
        return number

    def revoke(self, number: int) -> None:
        """Take a will back."""
        self._send([str(number).encode()], [])

    def _send(self, parts: list[bytes], ancillary: list[tuple[int, int, array.array[int]]]) -> None:
        with contextlib.suppress(OSError):
            connection = self._connected()
            try:
                connection.sendmsg(parts, ancillary)
            except OSError:
                # The other side must not hold what it is not told to let go of.
                connection.close()
                raise

    def _connected(self) -> socket.socket:
        with self._lock:
            is_usable = self._socket is not None and self._socket.fileno() >= 0
            # uWSGI forks its workers after the application is made.
            if self._socket is None or not is_usable or self._process != os.getpid():
                self._process = os.getpid()
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _TIMEOUT)
                self._socket.connect(str(self._path))
            return self._socket
