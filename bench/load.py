"""Sends a server more than it can answer: how much of it is answered in time, and what of the rest.

`python -m bench.load` starts `slipway serve` over the repository given (by default `models`), finds
what it answers at most when clients wait for their answers, then sends twice as much at fixed
times whether answers come or not. Every request has a deadline. All of it goes over loopback.
"""

from __future__ import annotations

import argparse
import datetime
import http.client
import json
import queue
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.contender import ROOT
from bench.environment import cpu_model
from bench.server import running_server

RESULTS = ROOT / "bench" / "results"
SAMPLE = ROOT / "models" / "shapes" / "1" / "samples" / "scene-500.png"
#: Requests that may be on their way at once; more would measure this program.
CONNECTIONS = 200


@dataclass
class Tally:
    """What came back: a status, and the seconds since it should have been sent."""

    answers: list[tuple[int, float]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, status: int, seconds: float) -> None:
        """Note one answer; status 0 where the connection broke."""
        with self.lock:
            self.answers.append((status, seconds))


class Connection:
    """One connection that is kept."""

    def __init__(self, port: int, photo: bytes, deadline_s: float) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._photo = photo
        self._headers = {"Content-Type": "image/png", "X-Request-Timeout": str(deadline_s)}

    def predict(self) -> int:
        """Send the photo and return the answer's status; 0 where the connection broke."""
        try:
            self._connection.request("POST", "/predict?masks=none", self._photo, self._headers)
            response = self._connection.getresponse()
            response.read()
            return response.status
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=ROOT / "models")
    parser.add_argument("--tiny", action="store_true", help="a model that takes no time instead")
    parser.add_argument("--photo", type=Path, default=SAMPLE)
    parser.add_argument("--seconds", type=float, default=20, help="of each of the two parts")
    parser.add_argument("--clients", type=int, default=8, help="that find the peak")
    parser.add_argument("--deadline", type=float, default=2, help="seconds that a request has")
    parser.add_argument("--times", type=float, default=2, help="the peak, sent as load")
    arguments = parser.parse_args()
    photo = arguments.photo.read_bytes()
    with running_server(None if arguments.tiny else arguments.models) as port:
        send_for(port, photo, 3, arguments.clients, arguments.deadline)
        print(f"{arguments.clients} clients, {arguments.seconds:g} s", file=sys.stderr)
        peak = send_for(port, photo, arguments.seconds, arguments.clients, arguments.deadline)
        peak_rate = good(peak, arguments.deadline) / arguments.seconds
        rate = arguments.times * peak_rate
        print(f"{rate:.1f} requests a second, {arguments.seconds:g} s", file=sys.stderr)
        overload = send_at(port, photo, arguments.seconds, rate, arguments.deadline)
    rows = [
        row_of("peak", peak, arguments.seconds, arguments.deadline, peak_rate),
        row_of(
            f"{arguments.times:g} x peak",
            overload,
            arguments.seconds,
            arguments.deadline,
            peak_rate,
        ),
    ]
    print(table(rows))
    print(f"\nwritten to {save(rows, vars(arguments)).relative_to(ROOT)}")


def send_for(port: int, photo: bytes, seconds: float, clients: int, deadline_s: float) -> Tally:
    """Let clients send one request after the other, each when its last one is answered."""
    tally, end_at = Tally(), time.monotonic() + seconds

    def run() -> None:
        connection = Connection(port, photo, deadline_s)
        while (begun_at := time.monotonic()) < end_at:
            tally.add(connection.predict(), time.monotonic() - begun_at)

    _together(run, clients)
    return tally


def send_at(port: int, photo: bytes, seconds: float, rate: float, deadline_s: float) -> Tally:
    """Send requests at fixed times; one that finds no free connection counts from its time on."""
    tally = Tally()
    due: queue.SimpleQueue[float | None] = queue.SimpleQueue()

    def run() -> None:
        connection = Connection(port, photo, deadline_s)
        while (due_at := due.get()) is not None:
            tally.add(connection.predict(), time.monotonic() - due_at)

    def feed() -> None:
        begun_at = time.monotonic()
        for number in range(int(seconds * rate)):
            due_at = begun_at + number / rate
            time.sleep(max(0.0, due_at - time.monotonic()))
            due.put(due_at)
        for _ in range(CONNECTIONS):
            due.put(None)

    feeder = threading.Thread(target=feed)
    feeder.start()
    _together(run, CONNECTIONS)
    feeder.join()
    return tally


def _together(run: Callable[[], None], count: int) -> None:
    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def good(tally: Tally, deadline_s: float) -> int:
    """Count the predictions that came in time."""
    return sum(status == 200 and seconds <= deadline_s for status, seconds in tally.answers)


def row_of(
    name: str, tally: Tally, seconds: float, deadline_s: float, peak_rate: float
) -> dict[str, object]:
    """Return one line of the table."""
    statuses = Counter(status for status, _ in tally.answers)
    accepted = sum(count for status, count in statuses.items() if status != 429)
    in_time = good(tally, deadline_s)
    took = sorted(1000 * seconds for status, seconds in tally.answers if status == 200) or [0.0]
    refused = sorted(1000 * seconds for status, seconds in tally.answers if status == 429)
    return {
        "load": name,
        "sent a second": len(tally.answers) / seconds,
        "statuses": ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items())),
        "in time, % of accepted": 100 * in_time / max(1, accepted),
        "goodput a second": in_time / seconds,
        "% of peak": 100 * in_time / seconds / peak_rate,
        "p50, ms": statistics.median(took),
        "p99, ms": took[int(0.99 * (len(took) - 1))],
        "429 p99, ms": refused[int(0.99 * (len(refused) - 1))] if refused else 0.0,
    }


def table(rows: list[dict[str, object]]) -> str:
    """Return the rows as a Markdown table."""
    lines = [list(rows[0]), ["---", *["---:"] * (len(rows[0]) - 1)]]
    lines += [
        [f"{value:.1f}" if isinstance(value, float) else str(value) for value in row.values()]
        for row in rows
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def save(rows: list[dict[str, object]], asked: dict[str, object]) -> Path:
    """Write what was measured as JSON; returns the path."""
    now = datetime.datetime.now(datetime.UTC)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"load-{now:%Y%m%dT%H%M%SZ}.json"
    report = {"date": now.isoformat(timespec="seconds"), "cpu": cpu_model(), "rows": rows}
    path.write_text(json.dumps(report | {"asked": asked}, indent=1, default=str) + "\n")
    return path


if __name__ == "__main__":
    main()
