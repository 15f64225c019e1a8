"""One HTTP worker's thread at the other end of the inference socket."""

from __future__ import annotations

import contextlib
import select
import socket
import threading

from app.serving import wire
from app.serving.conversation import Conversation
from app.serving.local_client import LocalClient

_READING = select.EPOLLIN | select.EPOLLRDHUP
_WRITING = _READING | select.EPOLLOUT


class Peer:
    """A connection of the host: what comes over it is answered, by whichever thread has the answer.

    Args:
        connection: accepted, and ours from now on.
        client: that has the models.
        epoll: of the loop that calls `receive` and `flush` when it says so.
    """

    def __init__(self, connection: socket.socket, client: LocalClient, epoll: select.epoll) -> None:
        self._connection, self._epoll = connection, epoll
        self._reader = wire.Reader(connection)
        self._conversation = Conversation(client, self._reply)
        self._lock = threading.Lock()
        self._unsent = memoryview(b"")
        self._is_closed, self._is_asking = False, False
        epoll.register(connection, _READING)

    @property
    def is_busy(self) -> bool:
        """Whether a request waits for its answer, or for the whole of it."""
        with self._lock:
            return self._is_asking or bool(self._unsent)

    def receive(self) -> bool:
        """Take up what has come; say whether more may. Raises OSError, or WireError."""
        with contextlib.suppress(BlockingIOError):
            self._reader.read()
        while (request := self._reader.next()) is not None:
            with contextlib.closing(request):
                self._take(request)
        return not self._reader.is_ended

    def flush(self) -> None:
        """Send what did not go at once; raises OSError."""
        with self._lock:
            self._unsent = wire.send_some(self._connection, self._unsent)
            if not self._unsent:
                self._epoll.modify(self._connection, _READING)

    def close(self) -> None:
        """Give up what the connection has asked for, and end it."""
        with self._lock:
            self._is_closed = True
            self._epoll.unregister(self._connection)
            self._connection.close()
        self._reader.close()
        self._conversation.close()

    def _take(self, request: wire.Message) -> None:
        if self._is_asking:
            raise wire.WireError("a request came before the last one was answered")
        # Before it is taken: another thread may answer before this one goes on.
        self._is_asking = True
        if not self._conversation.take(request):
            self._is_asking = False

    def _reply(self, answer: bytes) -> None:
        """Send an answer as far as it goes at once; the loop sends the rest."""
        # OSError: it has hung up, as the loop is about to see.
        with self._lock, contextlib.suppress(OSError):
            if self._is_closed:
                return
            self._is_asking = False
            self._unsent = wire.send_some(self._connection, memoryview(answer))
            if self._unsent:
                self._epoll.modify(self._connection, _WRITING)
