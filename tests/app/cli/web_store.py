"""A web server of files, as good or as bad as a test wants it: what `slipway fetch` brings from."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.app.api.server import free_port

_CHUNK_BYTES = 1 << 16


@dataclass
class WebStore:
    """Files by their names; `with WebStore() as store:`.

    Args:
        sends_ranges: whether a part of a file can be asked for.
        cuts: after how many bytes each of the next answers ends, with its connection.
        pause_s: between two chunks of 64 KiB, so that a test can come between.
        refusal: the status that everything is answered with, if not 0.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    sends_ranges: bool = True
    cuts: list[int] = field(default_factory=list)
    pause_s: float = 0
    refusal: int = 0
    asked: list[tuple[str, int]] = field(default_factory=list)
    """Of each answer with a body: the file, and from which byte on."""
    port: int = field(default_factory=free_port)
    _server: ThreadingHTTPServer | None = None
    connections: list[socket.socket] = field(default_factory=list)

    def __enter__(self) -> WebStore:
        handler = type("Handler", (_Handler,), {"store": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server
        self._server.shutdown()
        self._server.server_close()
        # A client that keeps its connection would be answered by this store when it asks the next
        # one that has the same port by chance.
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def uri(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"


class _Handler(BaseHTTPRequestHandler):
    store: WebStore
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.store.connections.append(self.connection)

    def do_HEAD(self) -> None:
        self._answer(has_body=False)

    def do_GET(self) -> None:
        self._answer(has_body=True)

    def _answer(self, *, has_body: bool) -> None:
        content = self.store.files.get(self.path.lstrip("/"))
        if content is None or self.store.refusal:
            self.send_error(self.store.refusal or 404)
            return
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start, end = 0, len(content)
        if asked and self.store.sends_ranges:
            start, end = int(asked[1]), min(int(asked[2] or end) + 1, end)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(content)}")
        else:
            self.send_response(200)
        if self.store.sends_ranges:
            self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        if has_body:
            self.store.asked.append((self.path.lstrip("/"), start))
            self._send(content[start:end])

    def _send(self, content: bytes) -> None:
        cut = self.store.cuts.pop(0) if self.store.cuts else len(content)
        pause = threading.Event()
        for place in range(0, min(cut, len(content)), _CHUNK_BYTES):
            self.wfile.write(content[place : min(place + _CHUNK_BYTES, cut)])
            pause.wait(self.store.pause_s)
        if cut < len(content):
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: what was asked is in `asked`."""
