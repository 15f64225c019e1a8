"""Swaps a model's version under load again and again: requests lost, and memory kept.

`python -m bench.swaps` serves the demo `iris` and drops it in anew as the next version, waits until
that answers, and takes the version before away. Clients predict all the while, over connections
that they keep, on loopback. A request is lost where its answer is not 200.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import shutil
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from bench.contender import ROOT
from bench.machine import Load, watched
from bench.report import show
from bench.server import running_server
from bench.traffic import Tally, post, send_for

_FLOWER = {"sepal_length": 5.0, "sepal_width": 2.0, "petal_length": 3.5, "petal_width": 1.0}
_PATIENCE_S = 60.0
# Until here the process still grows into what it needs.
_SETTLED = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--swaps", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=8)
    arguments = parser.parse_args()
    body = json.dumps({"instances": [_FLOWER]}).encode()
    request = post("/predict?model=iris", body, {"Content-Type": "application/json"})
    loads: list[Load] = []
    with tempfile.TemporaryDirectory() as folder:
        _drop(Path(folder), 1)
        with (
            running_server(Path(folder), MODEL_POLL_S="0.05", QUEUE_LIMIT="64") as port,
            watched(loads),
        ):
            tally, memory_mib, took_s = asyncio.run(
                _swap(Path(folder), port, request, arguments.swaps, arguments.clients)
            )
    statuses = tally.statuses()
    settled = memory_mib[min(_SETTLED, len(memory_mib) - 1)]
    row = {
        "swaps": arguments.swaps,
        "answered": statuses.total(),
        "lost": statuses.total() - statuses[200],
        "p50, ms": f"{tally.milliseconds(200, 0.5):.1f}",
        "p99, ms": f"{tally.milliseconds(200, 0.99):.1f}",
        "seconds a swap": f"{took_s / arguments.swaps:.2f}",
        f"MiB after {_SETTLED}": f"{settled:.0f}",
        "MiB at the end": f"{memory_mib[-1]:.0f}",
    }
    show("swaps", [row], vars(arguments), {"slipway serve": loads})


async def _swap(
    folder: Path, port: int, request: bytes, swaps: int, clients: int
) -> tuple[Tally, list[float], float]:
    """Return what came of the requests, the memory after each swap, and what all swaps took."""
    end = asyncio.Event()
    sending = asyncio.create_task(_send_until(end, port, request, clients))
    memory_mib, begun_at = [], time.monotonic()
    for version in range(2, swaps + 2):
        await asyncio.to_thread(_drop, folder, version)
        await asyncio.to_thread(_wait_for, port, version)
        shutil.rmtree(folder / "iris" / str(version - 1))
        memory_mib.append(_inference_mib(folder))
        if version % 50 == 1:
            print(f"{version - 1} of {swaps}: {memory_mib[-1]:.0f} MiB", file=sys.stderr)
    took_s = time.monotonic() - begun_at
    end.set()
    return await sending, memory_mib, took_s


async def _send_until(end: asyncio.Event, port: int, request: bytes, clients: int) -> Tally:
    tallies = []
    while not end.is_set():
        tallies.append(await asyncio.to_thread(send_for, port, request, 1.0, clients))
    answers = [answer for tally in tallies for answer in tally.answers]
    return Tally(sum(tally.seconds for tally in tallies), answers)


def _drop(folder: Path, version: int) -> None:
    """Put the demo into the folder as a version, all at once."""
    place = folder / "iris" / str(version)
    place.parent.mkdir(exist_ok=True)
    beside = place.parent / f".{version}"
    shutil.copytree(ROOT / "models" / "iris" / "1", beside)
    beside.rename(place)


def _wait_for(port: int, version: int) -> None:
    """Wait until the version is the only one."""
    give_up_at = time.monotonic() + _PATIENCE_S
    url = f"http://127.0.0.1:{port}/models/iris"
    while time.monotonic() < give_up_at:
        with urllib.request.urlopen(url, timeout=_PATIENCE_S) as answer:
            versions = json.load(answer)["versions"]
        if [(one["version"], one["state"]) for one in versions] == [(version, "ready")]:
            return
        time.sleep(0.02)
    raise SystemExit(f"version {version} does not serve within {_PATIENCE_S:.0f} s: {versions}")


def _inference_mib(folder: Path) -> float:
    """Return the memory of the inference process that serves the folder."""
    process = next(_serving(folder))
    status = (process / "status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024


def _serving(folder: Path) -> Iterator[Path]:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            is_host = b"app.serving.host" in (process / "cmdline").read_bytes()
            serves = f"MODEL_REPOSITORY={folder}\0".encode() in (process / "environ").read_bytes()
        except OSError:
            continue
        if is_host and serves:
            yield process


if __name__ == "__main__":
    main()
