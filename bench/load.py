"""Sends a server more than it can answer: how much of it is answered in time, and what of the rest.

`python -m bench.load` starts `slipway serve` over the repository given (by default `models`), finds
what it answers at most when clients wait for their answers, then sends twice as much at fixed
times whether answers come or not. Every request has a deadline. All of it goes over loopback.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench.contender import ROOT
from bench.machine import Load, difference, watched
from bench.photos import jpeg
from bench.report import show
from bench.server import running_server
from bench.traffic import Tally, post, send_at, send_for


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=ROOT / "models")
    parser.add_argument("--tiny", action="store_true", help="a model that takes no time instead")
    parser.add_argument("--photo", type=Path, help="by default one of 640 x 480, made here")
    parser.add_argument("--seconds", type=float, default=20, help="of each of the two parts")
    parser.add_argument("--clients", type=int, default=8, help="that find the peak")
    parser.add_argument("--deadline", type=float, default=2, help="seconds that a request has")
    parser.add_argument("--times", type=float, default=2, help="the peak, sent as load")
    arguments = parser.parse_args()
    seconds, deadline_s = arguments.seconds, arguments.deadline
    photo = arguments.photo.read_bytes() if arguments.photo else jpeg()
    headers = {"X-Request-Timeout": f"{deadline_s:g}"}
    request = post("/predict?masks=none", photo, headers)
    with running_server(None if arguments.tiny else arguments.models) as port:
        send_for(port, request, 3, arguments.clients)
        print(f"{arguments.clients} clients, {seconds:g} s", file=sys.stderr)
        loads: dict[str, list[Load]] = {"the peak": [], "the overload": []}
        with watched(loads["the peak"]):
            peak = send_for(port, request, seconds, arguments.clients)
        peak_rate = good(peak, deadline_s) / peak.seconds
        rate = arguments.times * peak_rate
        print(f"{rate:.1f} requests a second, {seconds:g} s", file=sys.stderr)
        with watched(loads["the overload"]):
            overload = send_at(port, request, seconds, rate)
    rows = [
        row_of("peak", peak, deadline_s, peak_rate),
        row_of(f"{arguments.times:g} x peak", overload, deadline_s, peak_rate),
    ]
    if reason := difference(loads):
        print(reason, file=sys.stderr)
        rows = [row | {"% of peak": ""} for row in rows]
    show("load", rows, vars(arguments), loads)


def good(tally: Tally, deadline_s: float) -> int:
    """Count the predictions that came in time."""
    return sum(answer.status == 200 and answer.seconds <= deadline_s for answer in tally.answers)


def row_of(name: str, tally: Tally, deadline_s: float, peak_rate: float) -> dict[str, object]:
    """Return one line of the table."""
    statuses = tally.statuses()
    in_time = good(tally, deadline_s)
    return {
        "load": name,
        "sent a second": len(tally.answers) / tally.seconds,
        "statuses": ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items())),
        "in time, % of accepted": 100 * in_time / max(1, statuses.total() - statuses[429]),
        "goodput a second": in_time / tally.seconds,
        "% of peak": 100 * in_time / tally.seconds / peak_rate,
        "p50, ms": tally.milliseconds(200, 0.5),
        "p99, ms": tally.milliseconds(200, 0.99),
        "429 p99, ms": tally.milliseconds(429, 0.99),
    }


if __name__ == "__main__":
    main()
