"""Stops a server under load again and again: how many requests are lost.

`python -m bench.stops` starts `slipway serve` with a model that takes next to no time, lets clients
predict, half of them over connections that they keep, half over a new one for each request, and
sends SIGTERM. A request is lost where its connection was made and no answer came. Whoever is not
let in any more was told to go elsewhere, and ends. All of it goes over loopback.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from bench.machine import Load, watched
from bench.photos import jpeg
from bench.report import show
from bench.server import Running, running_tiny
from bench.traffic import post

_HEAD_END = b"\r\n\r\n"
# A client whose first packets are dropped tries for as long as the server takes to end.
_PATIENCE_S = 30.0


@dataclass
class Outcome:
    """What came of the requests of one stop, which took `seconds` from SIGTERM to the end."""

    statuses: Counter[int] = field(default_factory=Counter)
    lost: int = 0
    seconds: float = 0.0


async def client(port: int, request: bytes, outcome: Outcome, *, keeps: bool) -> None:
    """Predict until nobody lets this client in any more."""
    connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    while True:
        if connection is None:
            try:
                opening = asyncio.open_connection("127.0.0.1", port)
                connection = await asyncio.wait_for(opening, _PATIENCE_S)
            except (OSError, TimeoutError):
                return
        reader, writer = connection
        try:
            writer.write(request)
            head = (await asyncio.wait_for(reader.readuntil(_HEAD_END), _PATIENCE_S)).lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
            await asyncio.wait_for(reader.readexactly(length), _PATIENCE_S)
        except (OSError, EOFError, TimeoutError):
            outcome.lost += 1
            connection = None
            continue
        outcome.statuses[int(head[9:12])] += 1
        if not keeps or b"\r\nconnection: close" in head:
            writer.close()
            connection = None


async def stop_under_load(
    server: Running, request: bytes, clients: int, before_s: float
) -> Outcome:
    """Let clients predict for a while, then end the server; return what came of it."""
    outcome = Outcome()
    running = [
        asyncio.create_task(client(server.port, request, outcome, keeps=number % 2 == 0))
        for number in range(clients)
    ]
    await asyncio.sleep(before_s)
    begun_at = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    await asyncio.to_thread(server.process.wait, 120)
    outcome.seconds = time.monotonic() - begun_at
    await asyncio.gather(*running)
    return outcome


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stops", type=int, default=100)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=2, help="of load before each stop")
    arguments = parser.parse_args()
    headers = {"Content-Type": "image/jpeg"}
    kept = post("/predict?masks=none", jpeg(), headers)
    outcomes, loads = [], list[Load]()
    with watched(loads):
        for number in range(1, arguments.stops + 1):
            with running_tiny(HTTP_THREADS="80", QUEUE_LIMIT="128") as server:
                stopping = stop_under_load(server, kept, arguments.clients, arguments.seconds)
                outcomes.append(asyncio.run(stopping))
            lost = sum(outcome.lost for outcome in outcomes)
            print(f"{number} of {arguments.stops}: {lost} lost", file=sys.stderr)
    statuses = sum((outcome.statuses for outcome in outcomes), Counter[int]())
    took_s = sorted(outcome.seconds for outcome in outcomes)
    row = {
        "stops": len(outcomes),
        "answered": statuses.total(),
        "200": statuses[200],
        "other statuses": statuses.total() - statuses[200],
        "lost": sum(outcome.lost for outcome in outcomes),
        "SIGTERM to the end, p50, s": f"{took_s[len(took_s) // 2]:.1f}",
        "longest, s": f"{took_s[-1]:.1f}",
    }
    show("stops", [row], vars(arguments), {"slipway serve": loads})


if __name__ == "__main__":
    main()
