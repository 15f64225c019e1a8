"""Wills: executed when their process has died, and in no other case; then they are let go of."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.cli.wills import Wills

ANSWER = b"HTTP/1.1 502 Bad Gateway\r\n\r\n"


@pytest.fixture
def wills(tmp_path: Path) -> Wills:
    wills = Wills(tmp_path / "wills")
    wills.start()
    return wills


@pytest.fixture
def client() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Return a client's end of a connection, and the end over which it is answered."""
    ends = socket.socketpair()
    ends[0].settimeout(20)
    yield ends
    for end in ends:
        end.close()


WORKER = """
import socket, sys
path, connection, *messages = sys.argv[1:]
worker = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
worker.connect(path)
socket.send_fds(worker, [messages[0].encode()], [int(connection)])
for message in messages[1:]:
    worker.send(message.encode())
print(flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def worker(path: Path, connection: socket.socket, *then: str) -> Iterator[None]:
    """Run a process that leaves a will and says more; it is killed afterwards."""
    words = [str(path), str(connection.fileno()), f"7 some-request\n{ANSWER.decode()}", *then]
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=[connection.fileno()],
    ) as process:
        connection.close()
        assert process.stdout is not None
        assert process.stdout.readline() == b"\n"
        yield
        process.kill()


def test_who_waits_for_a_process_that_died_gets_the_answer_that_it_left(
    wills: Wills, client, tmp_path: Path
):
    with worker(tmp_path / "wills", client[1]):
        pass
    assert client[0].recv(1000) == ANSWER
    assert client[0].recv(1000) == b""


def test_a_will_that_was_taken_back_is_not_executed(wills: Wills, client, tmp_path: Path):
    with worker(tmp_path / "wills", client[1], "7"):
        pass
    assert client[0].recv(1000) == b""


def test_a_will_that_is_taken_back_holds_no_connection_open(wills: Wills, client, tmp_path: Path):
    path = tmp_path / "wills"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as living:
        living.connect(str(path))
        socket.send_fds(living, [b"7 some-request\n" + ANSWER], [client[1].fileno()])
        client[1].close()
        living.send(b"7")
        assert client[0].recv(1000) == b""


def test_a_process_that_lives_and_hangs_up_has_no_will(wills: Wills, client, tmp_path: Path):
    path = tmp_path / "wills"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as living:
        living.connect(str(path))
        socket.send_fds(living, [b"7 some-request\n" + ANSWER], [client[1].fileno()])
        client[1].close()
    assert client[0].recv(1000) == b""


def test_a_server_that_ends_executes_none(wills: Wills, client, tmp_path: Path):
    with worker(tmp_path / "wills", client[1]):
        wills.close()
    assert client[0].recv(1000) == b""
