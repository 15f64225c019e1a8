"""A server that does what a test says: it refuses, keeps silent, hangs up, breaks off."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import socket
import threading
import time
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, TypeVar

T = TypeVar("T")

ANSWER = {
    "prediction_id": "01JD6Z8M3V5W0Q4T2R9XK7B1NC",
    "model": "iris",
    "version": 1,
    "outputs": {"species": "versicolor"},
    "timing_ms": {"decode": 0.1, "queue": 0.1, "inference": 0.3, "encode": 0.1},
}


@dataclass(frozen=True)
class Does:
    """What is done with one request; by default it is answered."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = json.dumps({"predictions": [ANSWER]}).encode()
    how: Literal["answer", "hang up", "break off", "keep silent", "dribble"] = "answer"


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    at: float
    path: str
    headers: dict[str, str]
    document: Any


class Scripted(ThreadingHTTPServer):
    """The server at `url`; `asked` is what came, in turn."""

    def __init__(self, script: Sequence[Does]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.script, self.over = script, threading.Event()
        self.asked: list[Asked] = []

    def waits_s(self) -> list[float]:
        """Return the times between the requests."""
        times = [one.at for one in self.asked]
        return [later - earlier for earlier, later in itertools.pairwise(times)]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Scripted

    def do_POST(self) -> None:
        document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        headers = dict(self.headers.items())
        self.server.asked.append(Asked(time.monotonic(), self.path, headers, document))
        script = self.server.script
        does = script[min(len(self.server.asked), len(script)) - 1]
        if does.how == "keep silent":
            self.server.over.wait(10)
        elif does.how != "hang up":
            self._answer(does)
        self.close_connection = does.how != "answer"

    def _answer(self, does: Does) -> None:
        self.send_response(does.status)
        for name, value in does.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(does.body)))
        self.end_headers()
        if does.how == "dribble":
            self._dribble(does.body)
        else:
            self.wfile.write(does.body[: 10 if does.how == "break off" else None])

    def _dribble(self, body: bytes) -> None:
        with contextlib.suppress(OSError):
            for byte in body:
                self.wfile.write(bytes([byte]))
                if self.server.over.wait(0.05):
                    return

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def scripted(script: Sequence[Does]) -> Iterator[Scripted]:
    """Run a server that does what `script` says, for each request the next, in the end the last."""
    with Scripted(script) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join()


def nobody() -> str:
    """Return the address of a port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def in_a_loop(work: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns, in a thread: others may have a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
