"""A way to a server whose connections end at random, as many times as a test wants."""

from __future__ import annotations

import contextlib
import random
import socket
import socketserver
import threading
from collections.abc import Iterator


class Way(socketserver.ThreadingTCPServer):
    """The way, as `cutting` tells it."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], cuts: list[int], *, of_requests: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.address, self.cuts, self.of_requests = address, cuts, of_requests
        self.passed = 0
        self.most: int | None = None


class _Passing(socketserver.BaseRequestHandler):
    server: Way

    def handle(self) -> None:
        with socket.create_connection(self.server.address, timeout=30) as there:
            source, sink = self.request, there
            if not self.server.of_requests:
                source, sink = sink, source
            # What is large is what is cut.
            back = threading.Thread(target=_pass_on, args=(sink, source), daemon=True)
            back.start()
            left = self.server.cuts.pop(0) if self.server.cuts else None
            with contextlib.suppress(OSError):
                while (left is None or left > 0) and (data := source.recv(1 << 16)):
                    self.server.passed += len(data)
                    most = self.server.most
                    if most is not None and self.server.passed > most:
                        left = 0
                    sink.sendall(data if left is None else data[:left])
                    left = None if left is None else left - len(data)
            for one in (self.request, there):
                with contextlib.suppress(OSError):
                    # What was asked whole is waited for.
                    one.shutdown(socket.SHUT_RDWR if left is not None else socket.SHUT_WR)
            back.join()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def cutting(
    host: str, port: int, most_bytes: int, count: int, seed: int, *, of_requests: bool = False
) -> Iterator[Way]:
    """Lead to a server; the first `count` connections end after up to `most_bytes` of answers.

    With `of_requests` it is those that are counted. The port is `server_address[1]`, what has not
    been cut yet `cuts`, and `passed` the bytes that came by; after `most` of them none does.
    """
    chance = random.Random(seed)
    cuts = [chance.randrange(most_bytes) for _ in range(count)]
    with Way((host, port), cuts, of_requests=of_requests) as way:
        threading.Thread(target=way.serve_forever, daemon=True).start()
        yield way
        way.shutdown()
