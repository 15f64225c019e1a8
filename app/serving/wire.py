"""Messages on the inference socket: a length-prefixed JSON header, tensors, and one descriptor.

No pickle: what arrives can be wrong, but it cannot run. Lengths are checked before they are
believed.
"""

from __future__ import annotations

import array
import json
import os
import select
import socket
import struct
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.kinds.tensors import Tensors
from app.serving.packing import (
    Layout,
    PackingError,
    joined,
    pack,
    parse_layout,
    size_of,
    unpack,
)

MAX_HEADER_BYTES = 8 << 20
MAX_BODY_BYTES = 256 << 20

_MAGIC = b"SLW2"
# Magic, bytes of the header, bytes of the body, the request's number, descriptors.
_PREFIX = struct.Struct("!4sIQIB")
_BLOCK = 64 << 10
# As plain numbers: those of the enumeration are slow to combine.
_SENDING = int(socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
_WAITING = int(socket.MSG_CMSG_CLOEXEC)
_LOOKING = int(socket.MSG_CMSG_CLOEXEC | socket.MSG_DONTWAIT)
_DESCRIPTORS_AT_ONCE = 8
_ROOM = socket.CMSG_SPACE(_DESCRIPTORS_AT_ONCE * array.array("i").itemsize)


class WireError(Exception):
    """What arrived is not a message; the connection is of no more use."""


@dataclass(eq=False)
class Message:
    """One message. Whoever receives it owns `descriptor` and closes it.

    An answer has the `number` of its request. `packed` is what `pack` gave for the arrays, where
    that is known already.
    """

    header: Mapping[str, Any]
    arrays: Tensors = field(default_factory=dict)
    descriptor: int | None = None
    number: int = 0
    packed: tuple[Layout, list[memoryview]] | None = None

    def close(self) -> None:
        """Close the descriptor, if there is one."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None


def encode(message: Message) -> bytes:
    """Return a message's bytes, all but its descriptor; raises PackingError."""
    layout, parts = message.packed or pack(message.arrays)
    header = json.dumps({**message.header, "arrays": layout}).encode()
    body = joined(parts)
    descriptors = message.descriptor is not None
    prefix = _PREFIX.pack(_MAGIC, len(header), len(body), message.number, descriptors)
    return prefix + header + body


def send(connection: socket.socket, message: Message, deadline: float | None = None) -> None:
    """Send one message until `deadline` (time.monotonic).

    Raises OSError, TimeoutError too, or PackingError for arrays that cannot be sent.
    """
    left = memoryview(encode(message))
    beside = []
    if message.descriptor is not None:
        descriptors = array.array("i", [message.descriptor])
        beside = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)]
    while left:
        try:
            left = left[connection.sendmsg([left], beside, _SENDING) :]
            beside = []
        except BlockingIOError:
            wait_for(connection, select.POLLOUT, deadline)


def send_some(connection: socket.socket, data: memoryview) -> memoryview:
    """Send what goes at once; return what is left. Raises OSError."""
    try:
        return data[connection.send(data, _SENDING) :]
    except BlockingIOError:
        return data


def wait_for(connection: socket.socket, event: int, deadline: float | None) -> None:
    """Wait for one of poll's events on a connection; raises TimeoutError at the deadline."""
    poll = select.poll()
    poll.register(connection, event)
    left_s = None if deadline is None else max(0.0, deadline - time.monotonic())
    if not poll.poll(None if left_s is None else 1000 * left_s):
        raise TimeoutError


class Reader:
    """The messages that come over one connection, one after the other."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._data = bytearray()
        self._descriptors: deque[int] = deque()
        self.is_ended = False

    def close(self) -> None:
        """Close what descriptors came with messages that were not taken."""
        while self._descriptors:
            os.close(self._descriptors.popleft())

    def wait(self, deadline: float | None = None) -> Message | None:
        """Return the next message; None once the connection has ended between two.

        Raises TimeoutError at the deadline (time.monotonic), OSError, or WireError.
        """
        while (message := self.next()) is None:
            if self.is_ended:
                return None
            try:
                self.read()
            except BlockingIOError:
                wait_for(self._connection, select.POLLIN, deadline)
        return message

    def read(self, *, waits: bool = False) -> None:
        """Take up what has come; raises BlockingIOError where nothing has, or OSError.

        If it `waits`, that is for as long as the connection's own timeout.
        """
        # Not socket.recv_fds: in Python 3.11 it does not pass the flags on.
        flags = _WAITING if waits else _LOOKING
        data, beside, _, _ = self._connection.recvmsg(_BLOCK, _ROOM, flags)
        for level, kind, content in beside:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                self._descriptors.extend(array.array("i", content))
        self._data += data
        self.is_ended = not data

    def next(self) -> Message | None:
        """Return a message that has come whole; raises WireError."""
        if len(self._data) < _PREFIX.size:
            self._check_end()
            return None
        magic, header_bytes, body_bytes, number, descriptors = _PREFIX.unpack_from(self._data)
        if magic != _MAGIC:
            raise WireError(f"a message begins with {_MAGIC!r}, not {magic!r}")
        if header_bytes > MAX_HEADER_BYTES or body_bytes > MAX_BODY_BYTES:
            raise WireError(f"{header_bytes} and {body_bytes} bytes are more than allowed")
        body_at = _PREFIX.size + header_bytes
        end = body_at + body_bytes
        if len(self._data) < end:
            self._check_end()
            return None
        if descriptors > len(self._descriptors):
            raise WireError("a descriptor was announced and has not come")
        header = _parse_header(self._data[_PREFIX.size : body_at])
        arrays = _arrays(header.get("arrays"), self._data[body_at:end])
        del self._data[:end]
        taken = [self._descriptors.popleft() for _ in range(descriptors)]
        for unknown in taken[1:]:
            os.close(unknown)
        return Message(header, arrays, taken[0] if taken else None, number)

    def _check_end(self) -> None:
        if self.is_ended and self._data:
            raise WireError("the connection ended in the middle of a message")


def _parse_header(data: bytearray) -> Mapping[str, Any]:
    try:
        header = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise WireError(f"the header is not JSON: {error}") from error
    if not isinstance(header, dict):
        raise WireError("the header is not a JSON object")
    return header


def _arrays(layout: object, body: bytearray) -> Tensors:
    """Return the arrays that the header announces, as views of the body."""
    try:
        announced = parse_layout(layout)
        if size_of(announced) != len(body):
            raise PackingError(
                f"the body has {len(body)} bytes; {size_of(announced)} are announced"
            )
        return unpack(announced, body)
    except PackingError as error:
        raise WireError(str(error)) from error
