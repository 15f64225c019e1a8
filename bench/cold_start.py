"""What a cold start of onNewImage costs, by how it asks Google for the build and the cluster.

`python -m bench.cold_start`: every way starts a Python process of its own, in turn, each round. The
APIs are on this machine and answer at once, without TLS: what is measured is imports and clients.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from google.cloud.container_v1 import Cluster

from bench.contender import ROOT
from bench.machine import Load, difference, watched
from bench.report import show
from bench.run_cold_start import BUILD_ID, WAYS, Places
from tests.cloud_function.border import Border

CLUSTER = {
    "name": "slipway",
    "endpoint": "10.0.0.2",
    "masterAuth": {"clusterCaCertificate": base64.b64encode(b"a certificate").decode()},
}
BUILD = {"id": BUILD_ID, "status": "SUCCESS", "createTime": "2026-11-21T10:00:00Z"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    taken: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    loads: dict[str, list[Load]] = {way: [] for way in WAYS}
    with _apis() as places:
        # Whoever is first reads from disk what the next ones find in memory: that is no turn.
        for way in WAYS:
            _start(way, places)
        for _ in range(arguments.rounds):
            for way, took in taken.items():
                with watched(loads[way]):
                    took.append(_start(way, places))
    if reason := difference(loads):
        print(reason, file=sys.stderr)
    first = statistics.median(turn["wall_s"] for turn in next(iter(taken.values())))
    rows = [_row(way, took, None if reason else first) for way, took in taken.items()]
    show("cold_start", rows, vars(arguments), loads)


@contextmanager
def _apis() -> Iterator[Places]:
    """Serve a build and a cluster over HTTP, and the cluster over gRPC too."""
    with (
        Border(lambda _: (200, CLUSTER)) as clusters,
        Border(lambda _: (200, BUILD)) as builds,
        ThreadPoolExecutor(4) as pool,
    ):
        server = grpc.server(pool)
        method = grpc.unary_unary_rpc_method_handler(
            lambda *_: Cluster.serialize(Cluster.from_json(json.dumps(CLUSTER)))
        )
        handlers = {"GetCluster": method}
        service = "google.container.v1.ClusterManager"
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield Places(clusters.url, f"127.0.0.1:{port}", builds.url)
        finally:
            server.stop(None).wait()


def _start(way: str, places: Places) -> dict[str, float]:
    """Start the function cold, one way; return what it took."""
    command = [sys.executable, "-m", "bench.run_cold_start", way]
    ran = subprocess.run(
        [*command, places.clusters, places.grpc_clusters, places.builds],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'cloud_function'}"},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    took: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return took


def _row(way: str, took: list[dict[str, float]], first_s: float | None) -> dict[str, Any]:
    """Return a way's line; without the first way's time it is not compared with it."""

    def of(name: str) -> list[float]:
        return [one[name] for one in took]

    ratio = "" if first_s is None else f"{statistics.median(of('wall_s')) / first_s:.2f}"
    return {
        "cold start": way,
        "wall, ms, median": 1000 * statistics.median(of("wall_s")),
        "wall, ms, least": 1000 * min(of("wall_s")),
        "CPU, ms, median": 1000 * statistics.median(of("cpu_s")),
        "peak RSS, MiB": statistics.median(of("peak_mib")),
        "ratio, wall": ratio,
    }


if __name__ == "__main__":
    main()
