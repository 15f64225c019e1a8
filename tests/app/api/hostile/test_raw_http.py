"""Bytes that are hardly HTTP, sent to a real server: whatever it says to them, it goes on."""

from __future__ import annotations

import json
import re
import select
import socket
from pathlib import Path

import pytest

from tests.app.api.server import Server, command_of, under_both
from tests.app.pictures.making import encode, scene
from tests.app.serving.model_folder import Models

pytestmark = pytest.mark.server

_PHOTO = encode(scene(), "PNG")
# What is a whole request is answered in less.
PATIENCE_S = 2


def post(*headers: str, path: str = "/predict", body: bytes = _PHOTO) -> bytes:
    """Return a request with these headers and no other than Host."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


LENGTH = f"Content-Length: {len(_PHOTO)}"
REQUESTS = {
    "length of letters": post("Content-Length: abc"),
    "negative length": post("Content-Length: -1"),
    "length and more": post("Content-Length: 5 5"),
    "length without end": post("Content-Length: " + "9" * 40),
    "two lengths": post("Content-Length: 5", LENGTH),
    "length and chunks": post(LENGTH, "Transfer-Encoding: chunked"),
    "chunks": post("Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n\r\n"),
    "broken chunks": post("Transfer-Encoding: chunked", body=b"zz\r\nhello"),
    "no length": post(),
    "header without colon": post("Hello", LENGTH),
    "header without name": post(": x", LENGTH),
    "header of any bytes": post("X-\xff\xfe: \x80\x00\x01", LENGTH),
    "folded header": post("X-A: b\r\n c", LENGTH),
    "many headers": post(*(f"X-{index}: y" for index in range(900)), LENGTH),
    "header of 100 kB": post("X-A: " + "b" * 100_000, LENGTH),
    "boundary of any bytes": post('Content-Type: multipart/form-data; boundary="\xff\x00"', LENGTH),
    "path of any bytes": post(LENGTH, path="/\xff\xfe%00%zz"),
    "path of 20 kB": post(LENGTH, path="/" + "a" * 20_000),
    "query of any bytes": post(LENGTH, path="/predict?\xff=%ff&%00=\x7f"),
    "path of another host": post(LENGTH, path="http://example.com/predict"),
    "no path": b"POST HTTP/1.1\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "odd version": b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    "method without end": b"X" * 50_000,
    "line feeds alone": b"GET /healthz HTTP/1.1\nHost: x\n\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(50),
    "nothing": b"",
    "nul": bytes(3000),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, root: Path, web_server: str):
    folder = tmp_path_factory.mktemp("raw")
    models = Models(folder / "models")
    models.add("street/1/street.h5")
    server = Server(folder, models.folder, root, *command_of(web_server))
    server.wait_until_ready()
    yield server
    server.end()


@under_both
@pytest.mark.parametrize("name", REQUESTS)
def test_what_is_hardly_http_breaks_nothing(server: Server, name: str):
    family = server.family()
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        answer = b""
        try:
            connection.sendall(REQUESTS[name])
            # uWSGI's router takes a client that has ended for one that is gone, so that comes only
            # where nothing else does.
            if not select.select([connection], [], [], PATIENCE_S)[0]:
                connection.shutdown(socket.SHUT_WR)
            while block := connection.recv(1 << 16):
                answer += block
        except TimeoutError:
            pytest.fail("no answer, and the connection is still open")
        except OSError:
            # The router hangs up on what it cannot read.
            pass
    assert not answer or re.match(rb"HTTP/\d\.\d [234]\d\d ", answer), answer[:300]
    assert server.predict(_PHOTO).status == 200
    assert server.family() == family


def test_a_query_that_is_no_text_is_refused_by_what_it_says(server: Server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(REQUESTS["query of any bytes"])
        answer = b""
        while block := connection.recv(1 << 16):
            answer += block
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    problem = json.loads(body)
    assert (problem["type"], problem["field"]) == ("/problems/invalid-parameter", "query")
    assert "\\xff=%ff&%00=" in problem["value"]
