"""A large model under full load beside small ones: how long the small ones' answers take.

`python -m bench.starvation` serves a Mask R-CNN with ResNet-101 of COCO's size, and the demos
`iris` and `fashion`. Clients send the large one photos without a pause; meanwhile each small one is
asked at fixed times, and before that alone. All of it goes over loopback. The large one's weights
are made by `weights.py` of the folder that `SLIPWAY_GOLDENS` names.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.contender import ROOT
from bench.machine import Load, watched
from bench.photos import jpeg
from bench.report import show
from bench.server import running_server
from bench.traffic import Tally, post, send_at, send_for

_FLOWER = {"sepal_length": 5.0, "sepal_width": 2.0, "petal_length": 3.5, "petal_width": 1.0}
_SMALL = ("iris", "fashion")
# Its p99 is to be within this, milliseconds.
_GOAL_MS = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="of each part")
    parser.add_argument("--rate", type=float, default=25, help="requests a second to a small model")
    parser.add_argument("--clients", type=int, default=3, help="of the large model")
    arguments = parser.parse_args()
    requests = {
        "iris": post(
            "/predict?model=iris",
            json.dumps({"instances": [_FLOWER]}).encode(),
            {"Content-Type": "application/json"},
        ),
        "fashion": post("/predict?model=fashion", jpeg(), {"Content-Type": "image/jpeg"}),
        "large": post("/predict?model=large&masks=none", jpeg(), {"Content-Type": "image/jpeg"}),
    }
    loads: dict[str, list[Load]] = {"alone": [], "beside": []}
    with tempfile.TemporaryDirectory() as folder:
        _fill(Path(folder))
        with running_server(Path(folder), READY="all") as port:
            for request in requests.values():
                send_for(port, request, 3, 1)
            with watched(loads["alone"]):
                alone = _asked(port, requests, arguments, with_large=False)
                large = send_for(port, requests["large"], arguments.seconds, arguments.clients)
            with watched(loads["beside"]):
                beside = _asked(port, requests, arguments, with_large=True)
    rows = [
        _row(name, when, tallies[name])
        for when, tallies in (("alone", {**alone, "large": large}), ("beside", beside))
        for name in (*_SMALL, "large")
    ]
    show("starvation", rows, vars(arguments) | {"goal_ms": _GOAL_MS}, loads)


def _fill(folder: Path) -> None:
    for name in _SMALL:
        shutil.copytree(ROOT / "models" / name, folder / name)
    weights = folder / "large" / "1" / "large.h5"
    weights.parent.mkdir(parents=True)
    maker = Path(os.environ["SLIPWAY_GOLDENS"]) / "weights.py"
    sizes = ["--backbone", "resnet101", "--classes", "81", "--seed", "1"]
    subprocess.run([sys.executable, str(maker), *sizes, str(weights)], check=True)


def _asked(
    port: int, requests: dict[str, bytes], arguments: argparse.Namespace, *, with_large: bool
) -> dict[str, Tally]:
    """Ask all small models at once, and the large one meanwhile."""
    seconds = arguments.seconds
    with ThreadPoolExecutor() as pool:
        pending = {
            name: pool.submit(send_at, port, requests[name], seconds, arguments.rate)
            for name in _SMALL
        }
        if with_large:
            pending["large"] = pool.submit(
                send_for, port, requests["large"], seconds, arguments.clients
            )
        return {name: one.result() for name, one in pending.items()}


def _row(name: str, when: str, tally: Tally) -> dict[str, object]:
    answered = tally.statuses()[200]
    return {
        "model": name,
        "": when,
        "answered": answered,
        "not": len(tally.answers) - answered,
        "a second": f"{answered / tally.seconds:.2f}",
        **{
            f"p{round(100 * share)}, ms": f"{tally.milliseconds(200, share):.1f}"
            for share in (0.5, 0.95, 0.99)
        },
    }


if __name__ == "__main__":
    main()
