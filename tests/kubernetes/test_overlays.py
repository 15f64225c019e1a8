"""What the overlays and components add, as kustomize renders them."""

from __future__ import annotations

import os
import re
import subprocess
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, cast

import pytest

from app.api.telemetry import Telemetry
from app.application import create_app
from app.serving.client import InferenceClient
from app.settings import Settings
from tests.kubernetes.manifests import KUBERNETES, NAME, Manifests, read, rendered_with

pytestmark = pytest.mark.kubectl

#: `plain` has the namespace that kubectl has.
OVERLAYS = sorted(
    f"overlays/{path.name}" for path in (KUBERNETES / "overlays").iterdir() if path.name != "plain"
)
COMPONENTS = sorted(path.name for path in (KUBERNETES / "components").iterdir())
#: A patch of what another component brings.
NEEDS = {name: ["gateway"] for name in ("gateway-https", "gateway-allow", "gateway-iap")}
#: For the cluster's own eyes: nothing from outside may ask for them. Nobody is told apart yet who
#: would read what was predicted.
INTERNAL = {"/metrics", "/healthz"} | {
    "/feedback",
    "/predictions",
    "/predictions/x",
    "/predictions:summary",
}


@pytest.mark.parametrize("component", COMPONENTS)
def test_every_component_can_be_added_to_the_base_alone(kubectl: str, component: str):
    built = rendered_with(kubectl, "base", [*NEEDS.get(component, []), component])
    assert built.container["name"] == NAME


def test_all_components_together_can_be_added_to_the_base(kubectl: str):
    built = rendered_with(kubectl, "base", COMPONENTS)
    names = [(one["kind"], one["metadata"]["name"]) for one in built.objects]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_key_can_stand_in_for_workload_identity_anywhere(kubectl: str, overlay: str):
    built = rendered_with(kubectl, overlay, ["service-account-key"])
    (volume,) = [one for one in built.pod["spec"]["volumes"] if "secret" in one]
    assert volume["secret"]["secretName"] == "gcp-service-account-key"
    (mount,) = [one for one in built.container["volumeMounts"] if one["name"] == volume["name"]]
    assert mount["readOnly"] is True
    env = {one["name"]: one.get("value") for one in built.container["env"]}
    assert env["GOOGLE_APPLICATION_CREDENTIALS"] == f"{mount['mountPath']}/key.json"
    assert env["TMPDIR"] == "/tmp"


def test_what_differs_from_project_to_project_is_taken_from_one_file(gke: Manifests):
    project = read(KUBERNETES / "overlays" / "gke" / "project.yaml")["data"]
    assert gke.container["image"] == project["image"]
    annotations = gke.one("ServiceAccount")["metadata"]["annotations"]
    assert annotations["iam.gke.io/gcp-service-account"] == project["google_service_account"]
    subjects = gke.one("RoleBinding", "onnewimage")["subjects"]
    users = [subject for subject in subjects if subject["kind"] == "User"]
    assert [user["name"] for user in users] == [project["rollout_service_account"]]
    for name in ("gcp_bucket_name", "bigquery_dataset"):
        assert gke.settings[name] == project[name] != ""
    assert gke.settings["BIGQUERY_TABLE"] == project["bigquery_table"]
    assert project["bigquery_table"].split(".")[1] == project["bigquery_dataset"]
    assert [one["metadata"]["name"] for one in gke.of("ConfigMap")] == ["ml-model-config"]


def test_nothing_leads_into_the_cluster_unless_it_is_asked_for(kubectl: str):
    closed = rendered_with(kubectl, "overlays/gke", [])
    assert not {"Gateway", "HTTPRoute", "Ingress"} & {one["kind"] for one in closed.objects}
    assert closed.one("Service")["spec"].get("type", "ClusterIP") == "ClusterIP"


def test_a_pod_reaches_the_metadata_server_at_every_port_that_it_may_have(gke: Manifests):
    policy = gke.one("NetworkPolicy", "ml-model-to-google")["spec"]
    ports = {
        (peer["ipBlock"]["cidr"], port["port"])
        for rule in policy["egress"]
        for peer in rule["to"]
        for port in rule["ports"]
    }
    # "network-policy" in GKE's documentation: with Dataplane V2 the first two, without the others.
    first, second = "169.254.169.254/32", "169.254.169.252/32"
    assert {(first, 80), (first, 8080), (second, 987), (second, 988)} <= ports


@pytest.mark.parametrize("component", ["workload-identity", "service-account-key"])
def test_a_pod_that_has_a_way_to_be_believed_by_google_reaches_bigquery(
    kubectl: str, component: str
):
    built = rendered_with(kubectl, "base", [component])
    blocks = [
        peer["ipBlock"]
        for policy in built.of("NetworkPolicy")
        for rule in policy["spec"].get("egress", [])
        for peer in rule.get("to", [])
        if "ipBlock" in peer and {"port": 443} in rule["ports"]
    ]
    # An address of googleapis.com, and those that a network without a way out has in its place:
    # private.googleapis.com and restricted.googleapis.com.
    for address in ("142.250.74.10", "199.36.153.8", "199.36.153.4"):
        assert any(_holds(block, address) for block in blocks), address


def _holds(block: dict[str, Any], address: str) -> bool:
    given = ip_address(address)
    excepted = [ip_network(cidr) for cidr in block.get("except", [])]
    return given in ip_network(block["cidr"]) and not any(given in one for one in excepted)


def test_people_are_told_while_half_of_the_prediction_log_has_room(gke: Manifests):
    (group,) = gke.one("Rules")["spec"]["groups"]
    (fills,) = [rule for rule in group["rules"] if rule["alert"] == "PredictionLogFills"]
    records = Settings.from_environment(gke.settings).records
    most = [int(told) for told in re.findall(r"> (\d{2,})", fills["expr"])]
    assert most == [records.most_rows // 2, (records.most_mib << 20) // 2]


def test_autopilot_has_no_limit_to_lower(gke: Manifests):
    resources = gke.container["resources"]
    for name in set(resources["limits"]) & set(resources["requests"]):
        assert resources["limits"][name] == resources["requests"][name]


def test_the_load_balancer_asks_whether_a_model_is_ready(gke: Manifests):
    policy = gke.one("HealthCheckPolicy")["spec"]
    assert policy["default"]["config"]["httpHealthCheck"]["requestPath"] == "/readyz"
    assert policy["targetRef"] == {"group": "", "kind": "Service", "name": NAME}


def test_the_load_balancer_sees_that_a_pod_is_to_go_while_it_still_answers(gke: Manifests):
    check = gke.one("HealthCheckPolicy")["spec"]["default"]
    notices_after_s = check["checkIntervalSec"] * check["unhealthyThreshold"] + check["timeoutSec"]
    assert notices_after_s < Settings.from_environment(gke.settings).hosting.stop_delay_s


def test_the_load_balancer_waits_for_predictions_and_for_pods_that_end(gke: Manifests):
    settings = Settings.from_environment(gke.settings)
    policy = gke.one("GCPBackendPolicy")["spec"]
    assert policy["default"]["timeoutSec"] > settings.serving.inference_timeout_s
    drain_s = policy["default"]["connectionDraining"]["drainingTimeoutSec"]
    assert drain_s >= settings.hosting.stop_timeout_s
    assert policy["targetRef"] == {"group": "", "kind": "Service", "name": NAME}


def test_connections_are_kept_longer_than_the_load_balancer_keeps_them(gke: Manifests):
    # "request-distribution" in Google's documentation: 600 s, which cannot be changed.
    assert Settings.from_environment(gke.settings).hosting.keepalive_s > 600


def test_the_plain_files_are_what_their_overlay_renders(kubectl: str, tmp_path: Path):
    ran = subprocess.run(
        [str(KUBERNETES / "render_plain.sh"), str(tmp_path)],
        env=os.environ | {"PATH": f"{Path(kubectl).parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    here, there = (
        {path.name: path.read_text() for path in folder.glob("*")}
        for folder in (tmp_path, KUBERNETES / "plain")
    )
    assert here == there


def _matches(match: dict[str, Any], path: str) -> bool:
    """Say whether the Gateway API sends a path to a match: whole, or by its first elements."""
    kind, value = match["path"]["type"], match["path"]["value"]
    return bool(path == value or (kind == "PathPrefix" and path.startswith(f"{value}/")))


def test_the_world_reaches_every_route_but_those_for_the_clusters_own_eyes(gke: Manifests):
    matches = [match for rule in gke.one("HTTPRoute")["spec"]["rules"] for match in rule["matches"]]
    app = create_app(Settings.from_environment({}), cast(InferenceClient, object()))
    routes = {re.sub(r"<[^>]+>", "x", rule.rule) for rule in app.url_map.iter_rules()}
    reached = {route for route in routes if any(_matches(match, route) for match in matches)}
    assert routes - reached == INTERNAL
    assert all(any(_matches(match, route) for route in routes) for match in matches)


def test_the_route_leads_from_the_gateway_to_the_service(gke: Manifests):
    spec = gke.one("HTTPRoute")["spec"]
    assert spec["parentRefs"] == [{"name": gke.one("Gateway")["metadata"]["name"]}]
    (port,) = gke.one("Service")["spec"]["ports"]
    backends = [backend for rule in spec["rules"] for backend in rule["backendRefs"]]
    assert {(one["name"], one["port"]) for one in backends} == {(NAME, port["port"])}


def test_https_takes_the_place_of_http(kubectl: str):
    built = rendered_with(kubectl, "overlays/gke-open", ["gateway-https"])
    gateway = built.one("Gateway")
    (listener,) = gateway["spec"]["listeners"]
    assert (listener["protocol"], listener["port"]) == ("HTTPS", 443)
    assert "networking.gke.io/certmap" in gateway["metadata"]["annotations"]
    # Without one of its own the load balancer would get another address each time it is made.
    (address,) = gateway["spec"]["addresses"]
    assert address["type"] == "NamedAddress"


@pytest.mark.parametrize(
    ("overlay", "guards"),
    [
        ("gke-open", set()),
        ("gke-allow", {"securityPolicy"}),
        ("gke-iap", {"iap"}),
        ("gke-allow-iap", {"securityPolicy", "iap"}),
    ],
)
def test_an_open_overlay_lets_in_whom_its_name_says(kubectl: str, overlay: str, guards: set[str]):
    built = rendered_with(kubectl, f"overlays/{overlay}", [])
    policy = built.one("GCPBackendPolicy")["spec"]["default"]
    assert set(policy) & {"securityPolicy", "iap"} == guards
    (listener,) = built.one("Gateway")["spec"]["listeners"]
    assert listener["protocol"] == ("HTTPS" if guards else "HTTP")


def test_prometheus_finds_the_metrics(gke: Manifests):
    spec = gke.one("PodMonitoring")["spec"]
    assert spec["selector"]["matchLabels"].items() <= gke.pod["metadata"]["labels"].items()
    (endpoint,) = spec["endpoints"]
    assert (endpoint["port"], endpoint["path"]) == ("http", "/metrics")


def test_pods_are_added_by_requests_in_flight_first_and_cpu_second(gke: Manifests):
    first, second = gke.one("HorizontalPodAutoscaler")["spec"]["metrics"]
    _, metric, kind = first["pods"]["metric"]["name"].split("|")
    counted = Telemetry().requests_in_flight
    assert (metric, kind) == (counted._name, counted._type)
    limit = Settings.from_environment(gke.settings).serving.queue_limit
    assert 0 < int(first["pods"]["target"]["averageValue"]) < limit / 2
    assert second["resource"]["name"] == "cpu"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_puts_everything_into_one_namespace(kubectl: str, overlay: str):
    built = rendered_with(kubectl, overlay, [])
    (namespace,) = built.of("Namespace")
    spaces = {one["metadata"].get("namespace") for one in built.objects} - {None}
    assert spaces == {namespace["metadata"]["name"]}


def test_a_node_port_is_open_to_clients_whose_address_is_no_pods(kubectl: str):
    built = rendered_with(kubectl, "overlays/local", [])
    assert built.one("Service")["spec"]["type"] == "NodePort"
    policy = built.one("NetworkPolicy", "ml-model-from-node-port")
    assert "from" not in policy["spec"]["ingress"][0]
