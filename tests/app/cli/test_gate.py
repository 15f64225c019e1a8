"""The gate between uWSGI's routers, over real sockets whose queues the tests fill."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.cli.gate import Gate
from tests.app.serving.inference_process import wait_for

MOST = 8


@pytest.fixture
def listen(tmp_path: Path) -> Iterator[Callable[[str], socket.socket]]:
    """Return a function that listens on a Unix socket of that name."""
    with contextlib.ExitStack() as opened:

        def listen(name: str) -> socket.socket:
            listener = opened.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(str(tmp_path / name))
            listener.listen(100)
            return listener

        yield listen


def leave_waiting(path: Path, connections: int) -> None:
    """Put so many connections into a socket's queue."""
    for _ in range(connections):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))


def take_all(listener: socket.socket) -> int:
    """Empty a socket's queue, and return how many connections were in it."""
    listener.setblocking(False)
    taken = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            listener.accept()[0].close()
            taken += 1
    return taken


@pytest.mark.parametrize("full", ["router", "workers"])
def test_the_gate_leads_to_the_router_but_while_a_queue_is_long(
    tmp_path: Path, listen: Callable[[str], socket.socket], full: str
):
    listeners = {name: listen(name) for name in ("router", "workers")}
    link = tmp_path / "gate"
    Gate(link, (tmp_path / "router", tmp_path / "workers"), MOST).start()
    leave_waiting(link, 1)
    assert take_all(listeners["router"]) == 1
    leave_waiting(tmp_path / full, MOST + 1)
    wait_for(lambda: not link.exists(), "it is shut")
    with pytest.raises(FileNotFoundError):
        leave_waiting(link, 1)
    assert take_all(listeners[full]) == MOST + 1
    wait_for(link.exists, "it is open")
    leave_waiting(link, 1)
    assert take_all(listeners["router"]) == 1


def test_a_gate_that_a_server_has_left_shut_is_open_at_the_next_start(
    tmp_path: Path, listen: Callable[[str], socket.socket]
):
    listener = listen("router")
    link = tmp_path / "gate"
    sockets = (tmp_path / "router", tmp_path / "workers")
    Gate(link, sockets, MOST)
    link.rename(tmp_path / "gate-shut")
    Gate(link, sockets, MOST)
    leave_waiting(link, 1)
    assert take_all(listener) == 1
