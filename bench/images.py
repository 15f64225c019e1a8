"""The image with and without TensorFlow: how large it is, and how soon a container is ready.

`SLIPWAY_IMAGE_TOOL=… python -m bench.images` builds both and starts containers of them in turns.
What is timed begins when the engine says that process 1 runs, and ends with a 200 from `/readyz`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
import urllib.request
from datetime import datetime
from pathlib import Path

from bench.contender import ROOT
from bench.machine import Load, difference, watched
from bench.report import show
from tests.image.containers import RESTRICTED, BuiltImage, Container, ImageTool

_DEMO = ("-v", f"{ROOT / 'models' / 'shapes'}:/demo/shapes:ro", "-e", "MODEL_REPOSITORY=/demo")
#: The image and what it serves -> whether TensorFlow is in it, and the options of its container.
_SIDES = {
    "whole, shapes": ("yes", _DEMO),
    "without TensorFlow, shapes": ("no", _DEMO),
    "whole, all demos": ("yes", ("-e", "READY=all")),
}
_LONGEST_S = 120


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    taken: dict[str, list[tuple[float, float]]] = {side: [] for side in _SIDES}
    loads: dict[str, list[Load]] = {side: [] for side in _SIDES}
    with tempfile.TemporaryDirectory() as folder:
        tool = ImageTool(os.environ["SLIPWAY_IMAGE_TOOL"], Path(folder))
        images = {
            has: tool.build(f"slipway:bench-{has}", ROOT, f"TENSORFLOW={has}")
            for has in ("yes", "no")
        }
        sizes = {has: image.inspected()["Size"] for has, image in images.items()}
        for _ in range(arguments.rounds):
            for side, (has, options) in _SIDES.items():
                with watched(loads[side]):
                    taken[side].append(_ready(images[has], *options))
    is_fair = difference(loads) is None
    first = statistics.median(cpu for _, cpu in next(iter(taken.values())))
    rows = []
    for side, several in taken.items():
        seconds = [wall for wall, _ in several]
        cpu = statistics.median(one for _, one in several)
        rows.append(
            {
                "image, models": side,
                "MB": f"{sizes[_SIDES[side][0]] / 1e6:.0f}",
                "ready, s": f"{statistics.median(seconds):.2f}",
                "least": f"{min(seconds):.2f}",
                "CPU s": f"{cpu:.2f}",
                "ratio, CPU s": f"{cpu / first:.2f}" if is_fair else "-",
            }
        )
    show("images", rows, vars(arguments), loads)


def _ready(image: BuiltImage, *options: str) -> tuple[float, float]:
    """Return how long a new container takes to be ready, and the CPU seconds of all in it."""
    container = Container(image, *RESTRICTED, "--cpus", "2", *options)
    try:
        deadline = time.monotonic() + _LONGEST_S
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{container.url}/readyz", timeout=5).close()
            except OSError:
                time.sleep(0.02)
            else:
                took_s = time.time() - _started_at(container)
                return took_s, _cpu_s(container)
        raise TimeoutError(f"not ready within {_LONGEST_S} s: {container.log()}")
    finally:
        container.remove()


def _started_at(container: Container) -> float:
    """Return when process 1 was started, as the engine tells it: to the nanosecond."""
    return datetime.fromisoformat(container.state()["StartedAt"]).timestamp()


def _cpu_s(container: Container) -> float:
    """Return the CPU seconds of a container's processes and of those that have ended."""
    lines = container.inside("sh", "-c", "cat /proc/[0-9]*/stat").splitlines()
    ticks = (sum(map(int, line.rpartition(")")[2].split()[11:15])) for line in lines)
    return sum(ticks) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
