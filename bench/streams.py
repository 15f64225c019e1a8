"""Pictures a second over HTTP: one after the other on all cores, or several on a core each.

`python -m bench.streams` serves the demo in float32 and in eight bits, each with `streams: 1` and
with one a core, all four at once and asked in turns, by 1, 4 and 16 clients that wait for answers.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

import yaml

from bench.contender import ROOT
from bench.environment import quantized_demo
from bench.machine import Load, watched
from bench.photos import jpeg
from bench.report import show
from bench.server import running_server
from bench.traffic import Tally, post, send_for

CLIENTS = (1, 4, 16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    sides = [(precision, streams) for precision in ("f32", "int8") for streams in (1, cores)]
    weights = quantized_demo()
    request = post("/predict?masks=none", jpeg(), {"Content-Type": "image/jpeg"})
    tallies: dict[tuple[str, int, int], list[Tally]] = {}
    loads: dict[str, list[Load]] = {_name(*side): [] for side in sides}
    with contextlib.ExitStack() as stack:
        ports = {}
        for precision, streams in sides:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            _fill(folder, weights, precision, streams)
            ports[precision, streams] = stack.enter_context(running_server(folder))
            send_for(ports[precision, streams], request, 2, 2)
        for number in range(1, arguments.rounds + 1):
            print(f"round {number} of {arguments.rounds}", file=sys.stderr)
            for clients in CLIENTS:
                for side in sides:
                    with watched(loads[_name(*side)]):
                        tally = send_for(ports[side], request, arguments.seconds, clients)
                    tallies.setdefault((*side, clients), []).append(tally)
    rows = [
        _row(side, clients, tallies[*side, clients], tallies[side[0], 1, clients])
        for clients in CLIENTS
        for side in sides
    ]
    show("streams", rows, vars(arguments), loads)


def _fill(folder: Path, weights: Path, precision: str, streams: int) -> None:
    """Make a repository of the demo with its form."""
    demo = ROOT / "models" / "shapes" / "1"
    there = folder / "shapes" / "1"
    there.mkdir(parents=True)
    for path in weights.parent.glob("shapes.*"):
        shutil.copy(path, there)
    options = yaml.safe_load((demo / "model.yaml").read_text())
    said = {"config": options["config"], "precision": precision, "streams": streams}
    (there / "model.yaml").write_text(yaml.safe_dump(said))


def _name(precision: str, streams: int) -> str:
    return f"{precision}, streams: {streams}"


def _row(
    side: tuple[str, int], clients: int, tallies: list[Tally], one_stream: list[Tally]
) -> dict[str, object]:
    """Return one line, of the round with the median rate."""
    tally, other = (sorted(of, key=_rate)[len(of) // 2] for of in (tallies, one_stream))
    return {
        "clients": clients,
        "form": _name(*side),
        "pictures a second": f"{_rate(tally):.1f}",
        "ratio": f"{_rate(tally) / _rate(other):.2f}",
        "p50, ms": f"{tally.milliseconds(200, 0.5):.0f}",
        "p99, ms": f"{tally.milliseconds(200, 0.99):.0f}",
        "not 200": len(tally.answers) - tally.statuses()[200],
    }


def _rate(tally: Tally) -> float:
    return tally.statuses()[200] / tally.seconds


if __name__ == "__main__":
    main()
