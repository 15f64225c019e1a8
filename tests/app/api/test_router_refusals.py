"""What uWSGI's outer router refuses by itself: it hangs up, says nothing, and goes on."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.api.server import Server
from tests.app.serving.model_folder import Models

pytestmark = pytest.mark.server

SECRET = b"a-password-in-a-header"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("refusals")


@pytest.fixture(scope="module")
def server(folder: Path, root: Path) -> Iterator[Server]:
    models = Models(folder / "models")
    models.add("street/1/street.h5")
    server = Server(folder, models.folder, root)
    server.wait_until_ready()
    yield server
    server.end()


def head(*lines: bytes) -> bytes:
    return b"\r\n".join([b"GET /healthz HTTP/1.1", *lines, b"", b""])


def said(server: Server, request: bytes) -> bytes:
    """Return what the server says until it hangs up."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        answer = b""
        try:
            connection.sendall(request)
            while block := connection.recv(1 << 16):
                answer += block
        except ConnectionError:
            pass
    return answer


@pytest.mark.parametrize(
    "request_head",
    [
        pytest.param(head(b"Host: x", b"X: " + SECRET * 4000), id="too long"),
        pytest.param(head(b"Host: " + SECRET * 20), id="host of more than 255 bytes"),
        pytest.param(head(b"Host: x", SECRET), id="a line that is no header"),
        pytest.param(SECRET + b"\r\n\r\n", id="no method"),
    ],
)
def test_a_head_that_cannot_be_read_ends_the_connection_without_a_trace(
    server: Server, folder: Path, request_head: bytes
):
    family = server.family()
    assert said(server, request_head) == b""
    assert server.ask("/healthz").status == 200
    assert server.family() == family
    written = [folder / "out.jsonl", folder / "err.txt"]
    assert not any(SECRET in path.read_bytes() for path in written)
