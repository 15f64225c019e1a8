"""How long a build takes from its message to live, and how much of that is onNewImage's own.

`PYTHONPATH=cloud_function python -m bench.rollout` needs what the cluster's tests need: KUBECONFIG,
REGISTRY and PUBSUB_EMULATOR_HOST (tests/cluster/README.md). It watches the Deployment itself, not
what the function says: when its image changes, when the last new pod is available, when the
annotation says that it is live. What lies between the first two is Kubernetes' and the pods'.
`--under-load` has the manifests' own times and clients that count each request that is lost; the
exit status is 1 if one is.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import kubernetes
from bench.machine import Load, watched
from bench.report import show
from rollout.state import PREFIX
from tests.cloud_function.border import BuildApi
from tests.cloud_function.images import compiled
from tests.cloud_function.namespace import NAME
from tests.cluster.site import QUICK, Site
from tests.cluster.stage import Stage
from tests.cluster.under_load import roll_out_under_load

_LIMIT_S = 120
VARIABLES = ("KUBECONFIG", "REGISTRY", "PUBSUB_EMULATOR_HOST")


@dataclass
class Moments:
    """When a digest was first seen to be asked for, to serve alone, to be called live."""

    digest: str
    patched: float = 0
    complete: float = 0
    live: float = 0
    is_over: threading.Event = field(default_factory=threading.Event)

    def see(self, deployment: Any, now: float) -> None:
        """Take in the Deployment as it has become."""
        if not deployment.spec.template.spec.containers[0].image.endswith(self.digest):
            return
        self.patched = self.patched or now
        if not self.complete and _is_complete(deployment):
            self.complete = now
        if deployment.metadata.annotations.get(f"{PREFIX}state") == "live":
            self.live = now
            self.is_over.set()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rollouts", type=int, default=10)
    parser.add_argument("--under-load", action="store_true")
    arguments = parser.parse_args()
    if missing := [name for name in VARIABLES if not os.environ.get(name)]:
        sys.exit(f"{', '.join(missing)} must be set: see tests/cluster/README.md")
    kubernetes.config.load_kube_config()
    beside: list[Load] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = compiled(folder, os.environ["REGISTRY"])
        # The tests look at rollouts more often than the function does by default.
        asked = {"POLL_INTERVAL_S": ""}
        stage = Stage(images, os.environ["PUBSUB_EMULATOR_HOST"], BuildApi(), folder, asked)
        measure = _under_load if arguments.under_load else _times
        with watched(beside):
            rows = measure(stage, arguments.rollouts)
    name = "rollout-load" if arguments.under_load else "rollout"
    show(name, rows, vars(arguments), {"the rollouts and their pods": beside})
    if failed := sum(int(str(row.get("failed", 0))) for row in rows):
        sys.exit(f"{failed} requests failed in {arguments.rollouts} rollouts")


def _times(stage: Stage, rollouts: int) -> list[dict[str, object]]:
    """Return how long each part took, one after the other."""
    with stage(QUICK) as site:
        # The function's first message finds it without a connection to anything.
        first, *took = [_roll_out(site, number) for number in range(rollouts + 1)]
    return [_row(name, [one[name] for one in took], cold) for name, cold in first.items()]


def _under_load(stage: Stage, rollouts: int) -> list[dict[str, object]]:
    """Return what clients counted, by where they ask and whether they keep their connection."""
    reports = roll_out_under_load(stage, stage.images, stage.folder, rollouts=rollouts)
    for report in reports.values():
        for counts in report.values():
            print("\n".join(counts["failures"]), end="\n" if counts["failures"] else "")
    rows: list[dict[str, object]] = [
        {
            f"{rollouts} rollouts": where,
            "connections": way,
            "answered": counts["answered"],
            "failed": counts["failed"],
            "p50, ms": counts["p50_ms"],
            "p99, ms": counts["p99_ms"],
            "longest, ms": counts["longest_ms"],
        }
        for where, report in reports.items()
        for way, counts in sorted(report.items())
    ]
    answered, failed = (sum(int(str(row[name])) for row in rows) for name in ("answered", "failed"))
    print(f"{rollouts} rollouts, {answered} requests answered, {failed} failed\n")
    return rows


def _roll_out(site: Site, number: int) -> dict[str, float]:
    """Roll one build out; return what each part took, in milliseconds."""
    build_id = f"build-{number}"
    moments = Moments(site.built(build_id))
    with _watched(site.name, moments):
        began = time.perf_counter()
        site.publish(build_id)
        if not moments.is_over.wait(_LIMIT_S):
            raise SystemExit(f"{build_id} was not live in {_LIMIT_S} s")
    to_patch, to_serving = moments.patched - began, moments.complete - moments.patched
    to_live = moments.live - moments.complete
    parts = {
        "message to patch": to_patch,
        "patch to the last new pod available (Kubernetes)": to_serving,
        "available to called live": to_live,
        "message to live": moments.live - began,
        "onNewImage's own share": to_patch + to_live,
    }
    return {name: 1000 * seconds for name, seconds in parts.items()}


@contextmanager
def _watched(namespace: str, moments: Moments) -> Iterator[None]:
    """Let `moments` see the Deployment whenever it changes, from the start to its end."""
    apps, watch = kubernetes.client.AppsV1Api(), kubernetes.watch.Watch()
    is_watching = threading.Event()

    def follow() -> None:
        only = {"field_selector": f"metadata.name={NAME}", "timeout_seconds": _LIMIT_S}
        for event in watch.stream(apps.list_namespaced_deployment, namespace, **only):
            moments.see(event["object"], time.perf_counter())
            is_watching.set()
            if moments.is_over.is_set():
                return

    thread = threading.Thread(target=follow)
    thread.start()
    is_watching.wait(_LIMIT_S)
    yield
    thread.join()


def _is_complete(deployment: Any) -> bool:
    """Tell whether `kubectl rollout status` would say that it is over."""
    status, wanted = deployment.status, deployment.spec.replicas
    counts = (status.updated_replicas, status.replicas, status.available_replicas)
    is_observed = (status.observed_generation or 0) >= deployment.metadata.generation
    return is_observed and counts == (wanted, wanted, wanted)


def _row(name: str, took_ms: list[float], first_ms: float) -> dict[str, object]:
    return {
        "": name,
        "median, ms": statistics.median(took_ms),
        "shortest, ms": min(took_ms),
        "longest, ms": max(took_ms),
        "the first before them, ms": first_ms,
    }


if __name__ == "__main__":
    main()
