"""One cold start of onNewImage: its imports, then the first lookup of a build and of a cluster.

`python -m bench.run_cold_start WAY CLUSTERS GRPC_CLUSTERS BUILDS` has cloud_function on PYTHONPATH;
the last line that it prints is what it took, as JSON.
"""

from __future__ import annotations

import time

BEGAN = time.perf_counter()

import json  # noqa: E402 - the clock begins before all imports
import os  # noqa: E402
import resource  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from typing import Any  # noqa: E402

SETTINGS = {
    "PROJECT": "my-project",
    "ZONE": "europe-west1",
    "CLUSTER": "slipway",
    "DEPLOYMENT": "ml-model",
}
BUILD_ID = "build-a"
NAME = "projects/my-project/locations/europe-west1/clusters/slipway"


@dataclass(frozen=True)
class Places:
    """Where the APIs are, on this machine: two URLs and, for gRPC, an address."""

    clusters: str
    grpc_clusters: str
    builds: str


def _build_by_hand(places: Places) -> None:
    from rollout.cloud_build import CloudBuild
    from rollout.gcp import GoogleApis

    CloudBuild(GoogleApis(), places.builds, "my-project", "global").fetch(BUILD_ID)


def _build_by_client(places: Places) -> None:
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.devtools.cloudbuild_v1 import CloudBuildClient

    client = CloudBuildClient(
        credentials=AnonymousCredentials(),
        transport="rest",
        client_options={"api_endpoint": places.builds},
    )
    name = f"projects/my-project/locations/global/builds/{BUILD_ID}"
    client.get_build(request={"name": name, "project_id": "my-project", "id": BUILD_ID})


def _cluster_by_hand(places: Places) -> None:
    from rollout.gcp import GoogleApis

    if not GoogleApis().get(f"{places.clusters}/v1/{NAME}")["endpoint"]:
        raise SystemExit("the cluster has no endpoint")


def _cluster_over_rest(places: Places) -> None:
    from rollout.gcp import GoogleApis
    from rollout.gke import locate
    from rollout.settings import Settings

    locate(GoogleApis(), places.clusters, Settings.from_environment().targets[0])


def _cluster_over_grpc(places: Places) -> None:
    import grpc
    from google.cloud.container_v1 import ClusterManagerClient
    from google.cloud.container_v1.services.cluster_manager.transports import (
        ClusterManagerGrpcTransport,
    )

    from rollout.gke import endpoint_of

    channel = grpc.insecure_channel(places.grpc_clusters)
    client = ClusterManagerClient(transport=ClusterManagerGrpcTransport(channel=channel))
    endpoint_of(client.get_cluster(name=NAME))


#: What comes after the imports; the second is what the function does.
WAYS: dict[str, tuple[Callable[[Places], None], ...]] = {
    "GETs by hand": (_build_by_hand, _cluster_by_hand),
    "cluster by its client, REST": (_build_by_hand, _cluster_over_rest),
    "cluster by its client, gRPC": (_build_by_hand, _cluster_over_grpc),
    "cluster and build by clients, REST": (_build_by_client, _cluster_over_rest),
    "imports alone, for a build that goes on": (),
}


def main() -> None:
    way, *addresses = sys.argv[1:]
    os.environ.update(SETTINGS)
    import main as _function  # noqa: F401 - what Cloud Functions imports: all that the function is

    imported = time.perf_counter()
    for step in WAYS[way]:
        step(Places(*addresses))
    over = time.perf_counter()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    took: dict[str, Any] = {
        "imports_s": imported - BEGAN,
        "wall_s": over - BEGAN,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_mib": usage.ru_maxrss / 1024,
    }
    print(json.dumps(took))


if __name__ == "__main__":
    main()
