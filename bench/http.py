"""What the server adds to a model: latency and requests a second, beside a plain Flask route's.

`python -m bench.http` takes a model that takes next to no time and a photo of 640 x 480. First the
model is called with the photo in this process: that is decoding, and nothing else. Then the same
over HTTP on loopback, from one, 8 and 64 clients in turn, from `slipway serve` and from the
plainest route that gives the answer, under uWSGI with as many processes and threads.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

from app.images import ImageLimits, decode
from app.settings import Settings
from bench.contender import ROOT
from bench.photos import jpeg
from bench.report import save, table
from bench.run_tiny import find
from bench.server import running, running_server
from bench.traffic import Tally, post, send_for

CLIENTS = (1, 8, 64)
#: All clients find a place and a thread: what is refused would look fast.
SIZE = {"HTTP_PROCESSES": "2", "HTTP_THREADS": "80", "QUEUE_LIMIT": "128"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    photo = jpeg()
    limits = ImageLimits.of(Settings.from_environment({}))
    request = post("/predict?masks=none", photo, {"Content-Type": "image/jpeg"})
    bare_ms: list[float] = []
    tallies: dict[tuple[str, int], list[Tally]] = {}
    plain = [sys.executable, "-m", "bench.run_plain"]
    with running_server(None, **SIZE) as slipway_port, running(plain, **SIZE) as plain_port:
        ports = {"slipway serve": slipway_port, "plain Flask route": plain_port}
        for port in ports.values():
            send_for(port, request, 2, 64)
        for round_number in range(arguments.rounds):
            print(f"round {round_number + 1} of {arguments.rounds}", file=sys.stderr)
            bare_ms += timed(lambda: find(decode(photo, limits)), arguments.seconds)
            for clients in CLIENTS:
                for name, port in ports.items():
                    tally = send_for(port, request, arguments.seconds, clients)
                    tallies.setdefault((name, clients), []).append(tally)
    bare_p50 = statistics.median(bare_ms)
    rows = [row_of("decode and call, no HTTP", 1, bare_ms, 1000 / bare_p50, bare_p50)]
    rows += [row_of_tallies(*key, several, bare_p50) for key, several in tallies.items()]
    print(table(rows))
    print(f"\nwritten to {save('http', rows, vars(arguments)).relative_to(ROOT)}")


def timed(run: Callable[[], object], seconds: float) -> list[float]:
    """Return the milliseconds of each call, of as many as there is time for."""
    took_ms, end_at = [], time.perf_counter() + seconds
    while (begun_at := time.perf_counter()) < end_at:
        run()
        took_ms.append(1000 * (time.perf_counter() - begun_at))
    return took_ms


def row_of_tallies(
    name: str, clients: int, tallies: list[Tally], bare_p50: float
) -> dict[str, object]:
    """Return a server's line; raises SystemExit where it has not answered everything."""
    answers = [answer for tally in tallies for answer in tally.answers]
    failed = [answer.status for answer in answers if answer.status != 200]
    if failed:
        raise SystemExit(f"{name}, {clients} clients: {len(failed)} answers like {failed[0]}")
    took_ms = [1000 * answer.seconds for answer in answers]
    rate = len(answers) / sum(tally.seconds for tally in tallies)
    return row_of(name, clients, took_ms, rate, bare_p50)


def row_of(
    name: str, clients: int, took_ms: list[float], rate: float, bare_p50: float
) -> dict[str, object]:
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
        "added at p50, ms": f"{p50 - bare_p50:.2f}",
    }


if __name__ == "__main__":
    main()
