"""Executes the wills that HTTP workers leave (`app.api.last_will`) when one of them dies.

For each request in work it holds the worker's connection and an answer. It sends the answer when
the worker has died, and lets go of the connection when the will is taken back.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import threading
from dataclasses import dataclass
from pathlib import Path

from app import log

_LONGEST_MESSAGE = 1 << 16
# A process that dies closes its connections before it can be seen to have died.
_DYING_MS = 2000
_CREDENTIALS = struct.Struct("3i")  # process, user and group of the peer


@dataclass(frozen=True)
class _Will:
    """An answer, and the connection that it is for."""

    request_id: str
    answer: bytes
    connection: socket.socket

    def execute(self) -> None:
        # The router may have gone as well.
        with contextlib.suppress(OSError):
            self.connection.sendall(self.answer)


class Wills:
    """Takes wills on a Unix socket, a thread a worker process, once `start` is called."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._path = path
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(path))
        self._listener.listen()
        self._is_closed = False

    def start(self) -> None:
        """Begin to take wills."""
        threading.Thread(target=self._listen, name="wills", daemon=True).start()

    def close(self) -> None:
        """Execute none from now on: the server ends, and all its workers with it."""
        self._is_closed = True
        self._path.unlink(missing_ok=True)

    def _listen(self) -> None:
        while True:
            worker, _ = self._listener.accept()
            threading.Thread(target=self._take, args=(worker,), name="wills", daemon=True).start()

    def _take(self, worker: socket.socket) -> None:
        """Keep one worker's wills until its connection ends."""
        credentials = worker.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        process, _, _ = _CREDENTIALS.unpack(credentials)
        wills: dict[str, _Will] = {}
        with worker, _Process(process) as watched, contextlib.ExitStack() as held:
            while _receive(worker, wills):
                pass
            for will in wills.values():
                held.enter_context(will.connection)
            if wills and watched.has_died() and not self._is_closed:
                requests = [will.request_id for will in wills.values()]
                log.event("worker_died", "ERROR", process=process, requests=requests)
                for will in wills.values():
                    will.execute()


def _receive(worker: socket.socket, wills: dict[str, _Will]) -> bool:
    """Take one message, a will or that one is taken back; say whether there was one."""
    try:
        message, descriptors, _, _ = socket.recv_fds(worker, _LONGEST_MESSAGE, 1)
    except OSError:
        return False
    head, _, answer = message.partition(b"\n")
    number, _, request_id = head.decode().partition(" ")
    if descriptors:
        wills[number] = _Will(request_id, answer, socket.socket(fileno=descriptors[0]))
    elif number in wills:
        wills.pop(number).connection.close()
    return bool(message)


class _Process:
    """A process that may die, and whose number may then be another's."""

    def __init__(self, process: int) -> None:
        try:
            self._descriptor: int | None = os.pidfd_open(process)
        except ProcessLookupError:
            self._descriptor = None

    def __enter__(self) -> _Process:
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)

    def has_died(self) -> bool:
        if self._descriptor is None:
            return True
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return bool(poll.poll(_DYING_MS))
