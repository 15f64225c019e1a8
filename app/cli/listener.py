"""The server's port: opened here, so that at the end new clients can be kept out before all else.

A client that is let in while the server ends would be cut off; one that is kept out tries
elsewhere, or again.
"""

from __future__ import annotations

import ctypes
import socket
import struct

from app.cli.terminal import CommandError

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


def open_listener(port: int, backlog: int) -> socket.socket:
    """Listen on all IPv4 addresses; processes started from here inherit it.

    Raises CommandError where the port cannot be had.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("", port))
        listener.listen(backlog)
    except OSError as error:
        listener.close()
        reason = (error.strerror or "").lower()
        raise CommandError(f"PORT={port}: {reason}; another: PORT=9000 slipway serve") from None
    listener.set_inheritable(True)
    return listener


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
