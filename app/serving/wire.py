"""Messages on the inference socket: a length-prefixed JSON header, tensors, and one descriptor.

No pickle: what arrives can be wrong, but it cannot run. Lengths are checked before they are
believed.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.kinds.tensors import Tensors
from app.serving.packing import PackingError, joined, pack, parse_layout, size_of, unpack

MAX_HEADER_BYTES = 8 << 20
MAX_BODY_BYTES = 256 << 20

_MAGIC = b"SLW1"
_PREFIX = struct.Struct("!4sIQ")  # magic, bytes of the header, bytes of the body
_DESCRIPTOR = struct.Struct("i")


class WireError(Exception):
    """What arrived is not a message; the connection is of no more use."""


@dataclass(eq=False)
class Message:
    """One message. Whoever receives it owns `descriptor` and closes it."""

    header: Mapping[str, Any]
    arrays: Tensors = field(default_factory=dict)
    descriptor: int | None = None

    def close(self) -> None:
        """Close the descriptor, if there is one."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None


def send(connection: socket.socket, message: Message, deadline: float | None = None) -> None:
    """Send one message until `deadline` (time.monotonic).

    Raises OSError, TimeoutError too, or PackingError for arrays that cannot be sent.
    """
    layout, parts = pack(message.arrays)
    header = json.dumps({**message.header, "arrays": layout}).encode()
    body = joined(parts)
    data = memoryview(_PREFIX.pack(_MAGIC, len(header), len(body)) + header + body)
    descriptors = [] if message.descriptor is None else [message.descriptor]
    _set_deadline(connection, deadline)
    sent = socket.send_fds(connection, [data], descriptors)
    if sent < len(data):
        connection.sendall(data[sent:])


def receive(connection: socket.socket, deadline: float | None = None) -> Message | None:
    """Return the next message, None where the peer has ended between two messages.

    Raises WireError, or OSError (TimeoutError past `deadline`, by time.monotonic).
    """
    _set_deadline(connection, deadline)
    start, descriptors = _receive_start(connection)
    if not start:
        return None
    message = Message({}, {}, descriptors[0] if descriptors else None)
    try:
        prefix = start + _receive_exactly(connection, _PREFIX.size - len(start), deadline)
        magic, header_bytes, body_bytes = _PREFIX.unpack(prefix)
        if magic != _MAGIC:
            raise WireError(f"a message begins with {_MAGIC!r}, not {magic!r}")
        if header_bytes > MAX_HEADER_BYTES or body_bytes > MAX_BODY_BYTES:
            raise WireError(f"{header_bytes} and {body_bytes} bytes are more than allowed")
        message.header = _parse_header(_receive_exactly(connection, header_bytes, deadline))
        body = _receive_exactly(connection, body_bytes, deadline)
        message.arrays = _arrays(message.header.get("arrays"), body)
    except BaseException:
        message.close()
        raise
    return message


def _set_deadline(connection: socket.socket, deadline: float | None) -> None:
    if deadline is None:
        connection.settimeout(None)
        return
    left_s = deadline - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    connection.settimeout(left_s)


def _receive_start(connection: socket.socket) -> tuple[bytes, list[int]]:
    """Receive the first bytes of a message and the descriptors that came with them."""
    # Not socket.recv_fds: in Python 3.11 it does not pass the flags on.
    room = socket.CMSG_LEN(_DESCRIPTOR.size)
    start, ancillary, _, _ = connection.recvmsg(_PREFIX.size, room, socket.MSG_CMSG_CLOEXEC)
    descriptors = [
        _DESCRIPTOR.unpack(data)[0]
        for level, kind, data in ancillary
        if (level, kind, len(data)) == (socket.SOL_SOCKET, socket.SCM_RIGHTS, _DESCRIPTOR.size)
    ]
    return start, descriptors


def _receive_exactly(connection: socket.socket, count: int, deadline: float | None) -> bytearray:
    data = bytearray(count)
    left = memoryview(data)
    while left:
        _set_deadline(connection, deadline)
        received = connection.recv_into(left)
        if not received:
            raise WireError("the connection ended in the middle of a message")
        left = left[received:]
    return data


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
