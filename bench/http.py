"""What the server adds to a model: latency and requests a second, beside a plain Flask route's.

`python -m bench.http` takes a model that takes next to no time and a photo of 640 x 480. First the
model is called with the photo in this process, decoded as either server does: that is decoding, and
nothing else. Then the same over HTTP on loopback, from one, 8 and 64 clients in turn, from
`slipway serve` and from the plainest route that gives the answer, under uWSGI with as many
processes and threads.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from app.images.decoding import decode
from app.settings import Settings
from bench import run_plain
from bench.machine import Load, difference, watched
from bench.photos import jpeg
from bench.report import show
from bench.run_tiny import find
from bench.server import running, running_server
from bench.traffic import Tally, post, send_for

CLIENTS = (1, 8, 64)
#: All clients find a place and a thread: what is refused would look fast.
SIZE = {"HTTP_PROCESSES": "2", "HTTP_THREADS": "80", "QUEUE_LIMIT": "128"}


OURS, PLAIN = "slipway serve", "plain Flask route"


@dataclass
class Side:
    """One of the two servers: what it took, and under which load."""

    port: int
    decoded: Callable[[], object]
    """Decoding and the model, as this server does them, without HTTP."""
    bare_ms: list[float] = field(default_factory=list)
    tallies: dict[int, list[Tally]] = field(default_factory=dict)
    loads: list[Load] = field(default_factory=list)

    @property
    def bare_p50(self) -> float:
        """The median of what decoding and the model take, in milliseconds."""
        return statistics.median(self.bare_ms)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    photo = jpeg()
    limits = Settings.from_environment({}).limits.picture
    request = post("/predict?masks=none", photo, {"Content-Type": "image/jpeg"})
    plain = [sys.executable, "-m", "bench.run_plain"]
    with running_server(None, **SIZE) as ours_port, running(plain, **SIZE) as plain_port:
        sides = {
            OURS: Side(ours_port, lambda: find(decode(photo, limits))),
            PLAIN: Side(plain_port, lambda: find(run_plain.decoded(photo))),
        }
        for side in sides.values():
            send_for(side.port, request, 2, 64)
        for number in range(1, arguments.rounds + 1):
            print(f"round {number} of {arguments.rounds}", file=sys.stderr)
            for side in sides.values():
                with watched(side.loads):
                    side.bare_ms += timed(side.decoded, arguments.seconds / 2)
            for clients in CLIENTS:
                for side in sides.values():
                    with watched(side.loads):
                        tally = send_for(side.port, request, arguments.seconds, clients)
                    side.tallies.setdefault(clients, []).append(tally)
    loads = {name: side.loads for name, side in sides.items()}
    reason = difference(loads)
    if reason:
        print(reason, file=sys.stderr)
    show("http", rows_of(sides, comparable=not reason), vars(arguments), loads)


def rows_of(sides: dict[str, Side], *, comparable: bool) -> list[dict[str, object]]:
    """Return the table: by clients, each server in turn, and what one has of the other's rate."""
    rows = [
        row_of(f"decode and call, as {name}", 1, side.bare_ms, 1000 / side.bare_p50)
        | {"added at p50, ms": "", "of the plain route's rate": ""}
        for name, side in sides.items()
    ]
    for clients in CLIENTS:
        measured = {
            name: answers_of(name, clients, side.tallies[clients]) for name, side in sides.items()
        }
        for name, (took_ms, rate) in measured.items():
            added = statistics.median(took_ms) - sides[name].bare_p50
            ratio = rate / measured[PLAIN][1]
            rows.append(
                row_of(name, clients, took_ms, rate)
                # With several clients a request waits for others, which is not what HTTP adds.
                | {"added at p50, ms": f"{added:.2f}" if clients == 1 else ""}
                | {"of the plain route's rate": f"{ratio:.2f}" if comparable else ""}
            )
    return rows


def timed(run: Callable[[], object], seconds: float) -> list[float]:
    """Return the milliseconds of each call, of as many as there is time for."""
    took_ms, end_at = [], time.perf_counter() + seconds
    while (begun_at := time.perf_counter()) < end_at:
        run()
        took_ms.append(1000 * (time.perf_counter() - begun_at))
    return took_ms


def answers_of(name: str, clients: int, tallies: list[Tally]) -> tuple[list[float], float]:
    """Return the milliseconds of each answer, and how many came a second.

    Raises SystemExit where the server has not answered everything.
    """
    answers = [answer for tally in tallies for answer in tally.answers]
    failed = [answer.status for answer in answers if answer.status != 200]
    if failed:
        raise SystemExit(f"{name}, {clients} clients: {len(failed)} answers like {failed[0]}")
    rate = len(answers) / sum(tally.seconds for tally in tallies)
    return [1000 * answer.seconds for answer in answers], rate


def row_of(name: str, clients: int, took_ms: list[float], rate: float) -> dict[str, object]:
    """Return one line of the table."""
    p50, p95, p99 = (
        sorted(took_ms)[int(share * (len(took_ms) - 1))] for share in (0.5, 0.95, 0.99)
    )
    return {
        "": name,
        "clients": clients,
        "requests a second": rate,
        "p50, ms": f"{p50:.2f}",
        "p95, ms": f"{p95:.2f}",
        "p99, ms": f"{p99:.2f}",
    }


if __name__ == "__main__":
    main()
