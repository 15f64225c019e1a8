"""One process at a time listens on the socket."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from app.serving.listener import Listener, SocketInUseError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "inference.sock"


def test_a_second_process_is_refused_and_the_first_goes_on(path: Path):
    first = Listener(path)
    with pytest.raises(SocketInUseError, match=f"another inference process serves on {path}"):
        Listener(path, wait_s=0)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
    first.close()


def test_a_successor_waits_for_its_predecessor(path: Path):
    first, is_ending = Listener(path), threading.Event()

    def end() -> None:
        is_ending.set()
        first.close()

    ending = threading.Timer(0.2, end)
    ending.start()
    Listener(path, wait_s=5).close()
    assert is_ending.is_set()
    ending.join()


def test_a_socket_left_behind_is_replaced(path: Path):
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    listener = Listener(path)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
    listener.close()
    assert not path.exists()
