"""Sends one request again and again over HTTP/1.1 on loopback, and notes what comes back and when.

One thread and one loop: with a client library a request would cost this program as much as a small
model costs the server, on the same cores.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

_HEAD_END = b"\r\n\r\n"
#: How long an answer is waited for before its connection counts as broken.
_PATIENCE_S = 60.0


@dataclass(frozen=True)
class Answer:
    """A status, 0 where the connection broke, and the seconds since it was due to be sent."""

    status: int
    seconds: float


@dataclass
class Tally:
    """All answers of one run, which took `seconds`."""

    seconds: float
    answers: list[Answer] = field(default_factory=list)

    def statuses(self) -> Counter[int]:
        """Count the answers by status."""
        return Counter(answer.status for answer in self.answers)

    def milliseconds(self, status: int, share: float) -> float:
        """Return within what time that share of a status's answers came; 0 for no answers."""
        took = sorted(answer.seconds for answer in self.answers if answer.status == status)
        return 1000 * took[int(share * (len(took) - 1))] if took else 0.0


def post(target: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """Return a whole request."""
    lines = [f"POST {target} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + _HEAD_END + body


def send_for(port: int, request: bytes, seconds: float, clients: int) -> Tally:
    """Let clients send one request after the other, each when its last one is answered."""
    return asyncio.run(_send_for(port, request, seconds, clients))


def send_at(port: int, request: bytes, seconds: float, rate: float) -> Tally:
    """Send `rate` requests a second at fixed times, whether answers come or not.

    A kept connection that is free is taken, and where there is none a new one is opened.
    """
    return asyncio.run(_send_at(port, request, seconds, rate))


class _Connection(asyncio.Protocol):
    """One connection that is kept; one request at a time."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._answered: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._finish(0)

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(_HEAD_END)
        if end < 0:
            return
        head = bytes(self._received[:end]).lower()
        length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
        if len(self._received) < end + len(_HEAD_END) + int(length):
            return
        self._received.clear()
        if b"connection: close" in head and self._transport is not None:
            self._transport.close()
        self._finish(int(head[9:12]))

    async def send(self, port: int, request: bytes) -> int:
        """Send the request, on a new connection where there is none, and return the status."""
        loop = asyncio.get_running_loop()
        try:
            if self._transport is None or self._transport.is_closing():
                self._received.clear()
                await loop.create_connection(lambda: self, "127.0.0.1", port)
            assert self._transport is not None
            self._answered = loop.create_future()
            self._transport.write(request)
            return await asyncio.wait_for(self._answered, _PATIENCE_S)
        except (OSError, TimeoutError):
            self.close()
            return 0

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def _finish(self, status: int) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(status)


async def _send_for(port: int, request: bytes, seconds: float, clients: int) -> Tally:
    begun_at = time.monotonic()
    end_at = begun_at + seconds
    answers: list[Answer] = []

    async def run() -> None:
        connection = _Connection()
        while (sent_at := time.monotonic()) < end_at:
            status = await connection.send(port, request)
            answers.append(Answer(status, time.monotonic() - sent_at))
        connection.close()

    await asyncio.gather(*(run() for _ in range(clients)))
    return Tally(time.monotonic() - begun_at, answers)


async def _send_at(port: int, request: bytes, seconds: float, rate: float) -> Tally:
    begun_at = time.monotonic()
    answers: list[Answer] = []
    free: list[_Connection] = []
    sent: set[asyncio.Task[None]] = set()

    async def run(due_at: float) -> None:
        connection = free.pop() if free else _Connection()
        status = await connection.send(port, request)
        answers.append(Answer(status, time.monotonic() - due_at))
        free.append(connection)

    for number in range(int(seconds * rate)):
        due_at = begun_at + number / rate
        await asyncio.sleep(max(0.0, due_at - time.monotonic()))
        task = asyncio.create_task(run(due_at))
        sent.add(task)
        task.add_done_callback(sent.discard)
    await asyncio.gather(*sent)
    for connection in free:
        connection.close()
    return Tally(time.monotonic() - begun_at, answers)
