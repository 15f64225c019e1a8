"""A way to a server whose connections end at random, as many times as a test wants."""

from __future__ import annotations

import contextlib
import random
import socket
import socketserver
import threading
from collections.abc import Iterator


class _Way(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], cuts: list[int]) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.address, self.cuts = address, cuts


class _Passing(socketserver.BaseRequestHandler):
    server: _Way

    def handle(self) -> None:
        with socket.create_connection(self.server.address, timeout=30) as there:
            back = threading.Thread(target=_pass_on, args=(self.request, there), daemon=True)
            back.start()
            # Answers are what is large: they are cut.
            left = self.server.cuts.pop(0) if self.server.cuts else None
            with contextlib.suppress(OSError):
                while (left is None or left > 0) and (data := there.recv(1 << 16)):
                    self.request.sendall(data if left is None else data[:left])
                    left = None if left is None else left - len(data)
            for one in (self.request, there):
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            back.join()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def cutting(host: str, port: int, most_bytes: int, count: int, seed: int) -> Iterator[_Way]:
    """Lead to a server; the first `count` connections end after up to `most_bytes` of answers.

    The port is `server_address[1]`, what has not been cut yet `cuts`.
    """
    chance = random.Random(seed)
    cuts = [chance.randrange(most_bytes) for _ in range(count)]
    with _Way((host, port), cuts) as way:
        threading.Thread(target=way.serve_forever, daemon=True).start()
        yield way
        way.shutdown()
