"""Messages on the socket: what is sent arrives, and what is no message is refused."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from app.serving.wire import Message, Reader, WireError, send

PREFIX = struct.Struct("!4sIQIB")


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair()
    with left, right:
        yield left, right


def receive(connection: socket.socket, deadline: float | None = None) -> Message | None:
    """Return the next message of a connection over which nothing else comes."""
    with contextlib.closing(Reader(connection)) as reader:
        return reader.wait(deadline)


def descriptors_of(memory: str) -> int:
    """Count the descriptors of this process that are of a memory file's."""
    links = []
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            links.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    return sum(link.startswith(f"/memfd:{memory} ") for link in links)


def test_a_header_arrays_and_a_descriptor_arrive(pair):
    left, right = pair
    arrays = {
        "boxes": np.arange(8, dtype=np.int32).reshape(2, 4),
        "none": np.zeros((0, 28, 28), np.float32),
        "scores": np.array([0.5, 0.25], np.float32)[::-1],
        "texts": np.array([[b"a\0", b""], [b"gr\xc3\xb6\xc3\x9fe", b"\0"]], object),
        "one": np.array(7, np.int64),
        "half": np.array([0.5], np.float16),
        "facts": np.array([True, False]),
    }
    descriptor = os.memfd_create("test")
    os.write(descriptor, b"pixels")
    send(left, Message({"op": "größe", "list": [1, None]}, arrays, descriptor))
    os.close(descriptor)
    message = receive(right)
    assert (message.header["op"], message.header["list"]) == ("größe", [1, None])
    assert set(message.arrays) == set(arrays)
    for name, array in arrays.items():
        assert message.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(message.arrays[name], array)
    assert os.pread(message.descriptor, 10, 0) == b"pixels"
    assert not os.get_inheritable(message.descriptor)
    message.close()


def test_messages_follow_each_other(pair):
    left, right = pair
    for number in range(3):
        send(left, Message({"number": number}))
    left.close()
    reader = Reader(right)
    assert [reader.wait().header["number"] for _ in range(3)] == [0, 1, 2]
    assert reader.wait() is None


def test_a_large_message_passes_through_a_small_buffer(pair):
    left, right = pair
    masks = np.random.default_rng(1).random((1000, 28, 28), np.float32)
    sender = threading.Thread(target=send, args=(left, Message({}, {"masks": masks})))
    sender.start()
    np.testing.assert_array_equal(receive(right).arrays["masks"], masks)
    sender.join()


def frame(
    header: bytes, body: bytes = b"", *, magic: bytes = b"SLW2", descriptors: int = 0
) -> bytes:
    return PREFIX.pack(magic, len(header), len(body), 0, descriptors) + header + body


def layout(*arrays: object) -> bytes:
    return json.dumps({"arrays": arrays}).encode()


@pytest.mark.parametrize(
    ("data", "error"),
    [
        pytest.param(frame(b"{}", magic=b"GET "), "begins with b'SLW2', not b'GET '", id="magic"),
        pytest.param(
            PREFIX.pack(b"SLW2", 1 << 31, 0, 0, 0), "more than allowed", id="absurd header"
        ),
        pytest.param(PREFIX.pack(b"SLW2", 2, 1 << 60, 0, 0), "more than allowed", id="absurd body"),
        pytest.param(frame(b"{}", descriptors=2), "descriptor was announced", id="no descriptor"),
        pytest.param(b"SLW2\0", "in the middle", id="cut prefix"),
        pytest.param(frame(b'{"arrays": []}')[:-3], "in the middle", id="cut header"),
        pytest.param(
            frame(layout(["a", "int32", [4], 16]), b"1234" * 4)[:-1], "middle", id="cut body"
        ),
        pytest.param(frame(b"\xff\xfe"), "not JSON", id="no text"),
        pytest.param(frame(b"{"), "not JSON", id="no json"),
        pytest.param(frame(b"[]"), "not a JSON object", id="no object"),
        pytest.param(frame(b"[" * 100_000), "not JSON", id="deep"),
        pytest.param(frame(b"{}"), "no list of arrays", id="no arrays"),
        pytest.param(frame(layout("a")), "is no array", id="no layout"),
        pytest.param(frame(layout(["a", "object", [1], 8]), bytes(8)), "is no array", id="object"),
        pytest.param(frame(layout(["a", "int32", [-1, -1], 4]), b"1234"), "is no array", id="-1"),
        pytest.param(frame(layout(["a", "int32", [True], 4]), b"1234"), "is no array", id="true"),
        pytest.param(frame(layout(["a", "int32", [2], 4]), b"1234"), "is no array", id="count"),
        pytest.param(frame(layout(["a", "int32", [2], 8]), b"1234"), "8 are announced", id="+"),
        pytest.param(frame(layout(["a", "int32", [10**9] * 9, 4])), "is no array", id="++"),
        pytest.param(frame(layout(), b"1234"), "4 bytes; 0 are announced", id="rest"),
        pytest.param(frame(layout(["a", "bytes", [2], 4]), b"1234"), "is no array", id="text"),
        pytest.param(
            frame(layout(["a", "bytes", [1], 5]), b"\2\0\0\0x"), "other lengths", id="long text"
        ),
        pytest.param(
            frame(layout(["a", "bytes", [2], 8]), b"\xff\xff\xff\xff\1\0\0\0"),
            "other lengths",
            id="text of a negative length",
        ),
    ],
)
def test_what_is_no_message_is_refused_and_leaks_no_descriptor(pair, data: bytes, error: str):
    left, right = pair
    descriptor = os.memfd_create("leaked")
    socket.send_fds(left, [data], [descriptor])
    os.close(descriptor)
    left.shutdown(socket.SHUT_WR)
    with pytest.raises(WireError, match=error):
        receive(right)
    assert descriptors_of("leaked") == 0


def test_a_silent_peer_is_given_up_at_the_deadline(pair):
    left, right = pair
    left.send(b"SLW2")
    with pytest.raises(TimeoutError):
        receive(right, deadline=time.monotonic() + 0.05)
    with pytest.raises(TimeoutError):
        receive(right, deadline=time.monotonic() - 1)
