"""The server's sockets, opened here so that at the end new clients are kept out before all else.

A client that is let in while the server ends would be cut off; one that is kept out tries
elsewhere, or again.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from pathlib import Path

from app.hosting.errors import StartError

# linux/filter.h: the instructions of a packet filter, each (code, jump if true, if false, operand).
_LOAD_BYTE, _AND, _JUMP_IF_EQUAL, _RETURN = 0x30, 0x54, 0x15, 0x06
_FLAGS_OFFSET, _SYN, _ACK = 13, 0x02, 0x10
_DROP_OPENING_PACKETS = (
    (_LOAD_BYTE, 0, 0, _FLAGS_OFFSET),
    (_AND, 0, 0, _SYN | _ACK),
    (_JUMP_IF_EQUAL, 0, 1, _SYN),
    (_RETURN, 0, 0, 0),
    (_RETURN, 0, 0, 0xFFFFFFFF),
)
_SO_ATTACH_FILTER = 26
# linux/tcp.h: where struct tcp_info tells of a listening socket how many connections wait in it.
_UNACKED = slice(24, 28)


def open_listener(port: int, backlog: int) -> socket.socket:
    """Listen on all IPv4 addresses.

    Raises StartError where the port cannot be had.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("", port))
        listener.listen(backlog)
    except OSError as error:
        listener.close()
        reason = (error.strerror or "").lower()
        raise StartError(f"PORT={port}: {reason}; another: PORT=9000 slipway serve") from None
    return listener


def open_inside(path: Path, backlog: int) -> socket.socket:
    """Listen on a Unix socket of this user's, in place of what lies there."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(backlog)
    return listener


def is_empty(listener: socket.socket) -> bool:
    """Say whether every connection to a port has been taken out of its queue."""
    told = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _UNACKED.stop)
    return not any(told[_UNACKED])


def keep_new_clients_out(listener: socket.socket) -> bool:
    """Take no connection that is not under way already; say whether the system can do that.

    The packets that would open one are dropped: its client goes on trying, until this process has
    ended and the port refuses it. Closing the port instead would reset those that wait in it.
    """
    instructions = b"".join(struct.pack("HBBI", *step) for step in _DROP_OPENING_PACKETS)
    buffer = ctypes.create_string_buffer(instructions)
    program = struct.pack("HP", len(_DROP_OPENING_PACKETS), ctypes.addressof(buffer))
    try:
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
    except OSError:
        return False
    return True
