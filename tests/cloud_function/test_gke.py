"""The way to a GKE cluster: Google's token and cluster APIs at the border, a real API server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from rollout.delivery import Delivery
from rollout.settings import Settings
from tests.cloud_function.border import Answer, Border, Request
from tests.cloud_function.namespace import Namespace
from tests.cloud_function.samples import push

pytestmark = pytest.mark.cluster
CLUSTER = "/v1/projects/my-project/locations/europe-west1/clusters/slipway"


def _config(namespace: Namespace) -> Any:
    shown = namespace.kubectl("config", "view", "--minify", "--raw", "--flatten", "-o", "json")
    return json.loads(shown)["clusters"][0]["cluster"]


@pytest.fixture
def metadata(namespace: Namespace, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Serve what a function's metadata server does, with tokens that the cluster takes."""
    given: list[str] = []

    def answer(request: Request) -> Answer:
        if "/token" in request.path:
            given.append(request.path)
            token = namespace.kubectl("create", "token", "onnewimage").strip()
            return 200, {"access_token": token, "expires_in": 3600, "token_type": "Bearer"}
        if "recursive=true" in request.path:
            return 200, {"email": "onnewimage@my-project.iam.gserviceaccount.com", "scopes": []}
        return 200, b"my-project"

    with Border(answer, {"Metadata-Flavor": "Google"}) as border:
        host = border.url.removeprefix("http://")
        monkeypatch.setenv("GCE_METADATA_HOST", host)
        monkeypatch.setenv("GCE_METADATA_IP", host)
        monkeypatch.setenv("GCE_METADATA_ROOT", host)
        monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
        monkeypatch.setenv("CLOUDSDK_CONFIG", "/nowhere")
        yield given


def test_a_cluster_on_gke_is_reached_with_its_names_and_a_token_alone(
    namespace: Namespace, metadata: list[str]
):
    digest = namespace.built("build-1")
    config = _config(namespace)
    cluster = {
        "name": "slipway",
        "endpoint": config["server"].removeprefix("https://"),
        "masterAuth": {"clusterCaCertificate": config["certificate-authority-data"]},
    }
    with Border(lambda request: (200, cluster)) as gke:
        environment = {
            name: text for name, text in namespace.environment.items() if name != "KUBECONFIG"
        }
        environment |= {
            "ZONE": "europe-west1",
            "CLUSTER": "slipway",
            "CONTAINER_ENDPOINT": gke.url,
        }
        delivery = Delivery(Settings.from_environment(environment))
        (outcome,) = delivery.take(push(namespace.build_api.builds["build-1"]))
    assert outcome.result == "live"
    assert namespace.image.endswith(digest)
    assert [request.path.partition("?")[0] for request in gke.requests] == [CLUSTER]
    assert len(metadata) == 1
