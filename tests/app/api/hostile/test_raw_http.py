"""Bytes that are hardly HTTP, sent to a real server: whatever it says to them, it goes on."""

from __future__ import annotations

import contextlib
import json
import random
import re
import select
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import chance
from tests.app.api.server import Server, one_model_served
from tests.app.pictures.making import encode, scene

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
    "query that is no text": post(LENGTH, path="/predict?\xff=%ff&%00="),
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


PATHS = (
    *(b"/", b"/predict", b"/models/street", b"/models/%ff%00", b"/problems/invalid-form"),
    *(b"/static/page.js", b"/static/..%2f..%2fetc", b"/samples/street/1.png", b"/docs"),
    *(b"/openapi.json", b"/metrics", b"/healthz", b"/readyz", b"/favicon.ico"),
)
METHODS = (b"GET", b"POST", b"POST", b"HEAD", b"OPTIONS", b"PUT", b"get", b"\x85")
HEADERS = (
    *(b"Accept", b"Accept-Encoding", b"Content-Type", b"Content-Encoding", b"Content-Disposition"),
    *(
        b"Cookie",
        b"Authorization",
        b"Expect",
        b"Forwarded",
        b"X-Forwarded-For",
        b"Transfer-Encoding",
    ),
    *(b"Host", b"Origin", b"Range", b"If-Range", b"If-None-Match", b"If-Modified-Since"),
    *(b"X-Request-ID", b"X-Request-Timeout"),
)
VALUES = (
    *(b"", b"\x00", b"\xff\xfe", b"nan", b"1e400", b"9" * 5000, b"a=b;" * 300, b"*/*;q=abc"),
    *(b"bytes=-0", b"bytes=5-1", b"bytes=0-" + b"9" * 500, b'W/"\xff', b"[::1", b"100-continue"),
    *(b"multipart/form-data; boundary=", b"multipart/form-data; boundary=\xff", b"image/\xff"),
    *(b"application/json; charset=utf-16", b"application/x-www-form-urlencoded"),
    *(b"Mon, 99 Foo 9999 99:99:99 GMT", b"Sat, 01 Jan 0000 00:00:00 GMT"),
)
BODIES = (b"", _PHOTO, b"{}", b'{"image":"\xff"}', b"a=\xff&b=%ff")


def random_request(chance: random.Random) -> bytes:
    """Return a whole request whose parts fit each other by accident alone."""

    def noise(longest: int) -> bytes:
        data = bytes(chance.randrange(1, 256) for _ in range(chance.randint(0, longest)))
        return data.translate(None, b" \r\n")

    path = chance.choice(PATHS) + chance.choice((b"", b"/" + noise(20), b"?" + noise(30)))
    method = chance.choice(METHODS)
    body = chance.choice(BODIES) if method == b"POST" else b""
    lines = [b"%s %s HTTP/1.1" % (method, path), b"Host: x", b"Connection: close"]
    lines += [b"Content-Length: %d" % len(body)] if body else []
    for _ in range(chance.randint(0, 4)):
        value = chance.choice(VALUES) if chance.random() < 0.8 else noise(40)
        lines.append(chance.choice(HEADERS) + b": " + value)
    return b"\r\n".join([*lines, b"", body])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, root: Path):
    folder = tmp_path_factory.mktemp("raw")
    with one_model_served(folder, root) as server:
        yield server


def answer_to(raw: bytes, port: int) -> bytes:
    """Return all that comes back to these bytes; fail where the connection stays open."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        try:
            connection.sendall(raw)
            # nginx takes a client that has ended for one that is gone, so that comes only where
            # nothing else does, or no more.
            while select.select([connection], [], [], PATIENCE_S)[0]:
                if not (block := connection.recv(1 << 16)):
                    return answer
                answer += block
            connection.shutdown(socket.SHUT_WR)
            while block := connection.recv(1 << 16):
                answer += block
        except TimeoutError:
            pytest.fail(f"no answer, and the connection is still open: {raw[:200]!r}")
        except OSError:
            # It hangs up on what it cannot read.
            pass
    return answer


def test_what_is_hardly_http_breaks_nothing(server: Server):
    family = server.family()
    with ThreadPoolExecutor(len(REQUESTS)) as pool:
        answers = pool.map(lambda raw: answer_to(raw, server.port), REQUESTS.values())
        for name, answer in zip(REQUESTS, answers, strict=True):
            # A request without a version is HTTP/0.9, whose answers have no head.
            # And one of HTTP/2, as gRPC clients speak it, is answered by a frame of settings.
            expected = {"no version": rb"<!doctype", "HTTP/2": rb"\0\0.\x04"}.get(
                name, rb"HTTP/\d\.\d ([234]\d\d|501|505) "
            )
            assert not answer or re.match(expected, answer), (name, answer[:300])
    assert server.predict(_PHOTO).status == 200
    assert server.family() == family


def test_requests_of_random_parts_give_no_500(server: Server):
    chance_of_this_run = random.Random(chance.seed())
    statuses: Counter[bytes] = Counter()
    for _ in range(chance.times(1000)):
        raw = random_request(chance_of_this_run)
        answer = b""
        with (
            socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection,
            contextlib.suppress(ConnectionError),
        ):
            connection.sendall(raw)
            while block := connection.recv(1 << 16):
                answer += block
        assert not answer.startswith((b"HTTP/1.1 500", b"HTTP/1.1 502")), raw
        statuses[answer[9:12]] += 1
    # Enough of them are read, and answered with more than that they cannot be.
    assert statuses[b"200"] > 20
    assert statuses[b"404"] > 20
    assert server.predict(_PHOTO).status == 200


def test_a_query_that_is_no_text_is_refused_by_what_it_says(server: Server):
    head, _, body = answer_to(REQUESTS["query that is no text"], server.port).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    problem = json.loads(body)
    assert (problem["type"], problem["field"]) == ("/problems/invalid-parameter", "query")
    assert "\\xff=%ff&%00=" in problem["value"]
    assert f"'{problem['value']}'" in problem["detail"]
