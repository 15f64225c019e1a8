"""What holds in every form of the manifests: what they promise and what the server does agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from app.application import create_app
from app.serving.client import InferenceClient
from app.settings import Settings
from tests.kubernetes.manifests import KUBERNETES, NAME, Manifests, read

#: What the server's own end may take, once nothing is in flight any more.
MARGIN_S = 10
#: What the ConfigMap has for users of this design, beside the server's settings.
FOR_THE_PROJECT = {"gcp_bucket_name", "bigquery_dataset"}
#: A file is named for the kind of object in it, but for a kind's second one.
SECOND_OF_A_KIND = {"default-deny": "networkpolicy"}
#: Kustomize's own, the object that is not applied, and patches named for what they do.
NOT_KINDS = {"kustomization", "project", "stop", "stop-settings", "onnewimage-rbac"}


def _routes() -> set[str]:
    app = create_app(Settings.from_environment({}), cast(InferenceClient, object()))
    return {rule.rule for rule in app.url_map.iter_rules()}


def _probe_budget_s(probe: dict[str, Any]) -> int:
    return int(probe["periodSeconds"] * probe["failureThreshold"])


def test_every_probe_asks_a_path_that_the_server_has_at_the_port_by_its_name(manifests: Manifests):
    probes = [manifests.container[name] for name in ("startupProbe", "readinessProbe")]
    probes.append(manifests.container["livenessProbe"])
    assert {probe["httpGet"]["path"] for probe in probes} <= _routes()
    assert {probe["httpGet"]["port"] for probe in probes} == {"http"}


def test_a_model_that_is_not_ready_gets_no_traffic_and_no_restart(manifests: Manifests):
    assert manifests.container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert manifests.container["livenessProbe"]["httpGet"]["path"] == "/healthz"


def test_loading_has_five_minutes_and_a_rollout_waits_longer_than_that(manifests: Manifests):
    budget_s = _probe_budget_s(manifests.container["startupProbe"])
    assert budget_s == 300
    assert manifests.one("Deployment")["spec"]["progressDeadlineSeconds"] >= budget_s + 60


def test_every_value_of_the_config_map_is_a_setting_that_the_server_takes(manifests: Manifests):
    names = set(manifests.settings)
    assert names >= FOR_THE_PROJECT
    assert names - FOR_THE_PROJECT <= set(Settings.variables())
    Settings.from_environment(manifests.settings)
    reference = {"configMapRef": {"name": "ml-model-config"}}
    assert reference in manifests.container["envFrom"]


def test_a_pod_is_given_longer_to_stop_than_the_server_takes(manifests: Manifests):
    settings = Settings.from_environment(manifests.settings)
    pause_s = manifests.container["lifecycle"]["preStop"]["sleep"]["seconds"]
    longest_s = pause_s + settings.stop_delay_s + settings.stop_timeout_s
    assert pause_s >= 5
    grace_s = manifests.pod["spec"]["terminationGracePeriodSeconds"]
    assert grace_s >= longest_s + MARGIN_S
    assert settings.stop_timeout_s >= settings.inference_timeout_s


def test_the_service_leads_to_the_port_that_the_server_listens_on(manifests: Manifests):
    settings = Settings.from_environment(manifests.settings)
    ports = {port["name"]: port["containerPort"] for port in manifests.container["ports"]}
    assert ports == {"http": settings.port}
    (port,) = manifests.one("Service")["spec"]["ports"]
    assert (port["name"], port["port"], port["targetPort"]) == ("http", 80, "http")


def test_whatever_selects_pods_selects_the_deployments_own(manifests: Manifests):
    labels = manifests.pod["metadata"]["labels"].items()
    policies = [
        policy["spec"]["podSelector"]["matchLabels"]
        for policy in manifests.of("NetworkPolicy")
        if policy["spec"]["podSelector"]
    ]
    selectors = [
        manifests.one("Service")["spec"]["selector"],
        manifests.one("Deployment")["spec"]["selector"]["matchLabels"],
        manifests.one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        *(
            spread["labelSelector"]["matchLabels"]
            for spread in manifests.pod["spec"]["topologySpreadConstraints"]
        ),
        *policies,
    ]
    assert policies
    assert all(selector and selector.items() <= labels for selector in selectors)
    target = manifests.one("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert target == {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME}


def test_the_names_are_those_that_users_know(manifests: Manifests):
    assert manifests.one("Deployment")["metadata"]["name"] == NAME
    assert manifests.container["name"] == NAME


def test_a_rollout_takes_no_pod_away_before_its_successor_is_ready(manifests: Manifests):
    spec = manifests.one("Deployment")["spec"]
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
    }
    assert spec["minReadySeconds"] > 0
    assert spec["revisionHistoryLimit"] >= 3


def test_the_number_of_pods_is_the_autoscalers_alone(manifests: Manifests):
    assert "replicas" not in manifests.one("Deployment")["spec"]
    spec = manifests.one("HorizontalPodAutoscaler")["spec"]
    assert 1 <= spec["minReplicas"] < spec["maxReplicas"]
    assert spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 300
    assert spec["metrics"][-1]["resource"]["name"] == "cpu"


def test_draining_a_node_takes_one_pod_at_a_time(manifests: Manifests):
    assert manifests.one("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_pods_are_spread_over_zones_and_nodes_but_never_unschedulable(manifests: Manifests):
    spreads = manifests.pod["spec"]["topologySpreadConstraints"]
    keys = {spread["topologyKey"] for spread in spreads}
    assert keys == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
    assert {spread["whenUnsatisfiable"] for spread in spreads} == {"ScheduleAnyway"}


def test_memory_is_reserved_whole_and_cores_are_not_throttled(manifests: Manifests):
    requests, limits = (manifests.container["resources"][key] for key in ("requests", "limits"))
    assert requests["memory"] == limits["memory"]
    assert "cpu" in requests
    assert "cpu" not in limits
    assert "ephemeral-storage" in requests
    (threads,) = [one for one in manifests.container["env"] if one["name"] == "INFERENCE_THREADS"]
    assert threads["valueFrom"]["resourceFieldRef"]["resource"] == "requests.cpu"


def test_the_pod_security_standard_restricted_is_kept_and_enforced(manifests: Manifests):
    pod = manifests.pod["spec"]["securityContext"]
    assert pod == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert manifests.container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    (namespace,) = manifests.of("Namespace")
    labels = namespace["metadata"]["labels"]
    for mode in ("enforce", "audit", "warn"):
        assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"
        assert labels[f"pod-security.kubernetes.io/{mode}-version"].startswith("v1.")


def test_temporary_files_have_a_folder_of_bounded_size_and_nothing_else_is_written(
    manifests: Manifests,
):
    env = {one["name"]: one.get("value") for one in manifests.container["env"]}
    mounts = {one["mountPath"]: one["name"] for one in manifests.container["volumeMounts"]}
    volumes = {one["name"]: one for one in manifests.pod["spec"]["volumes"]}
    folder = volumes[mounts[str(env["TMPDIR"])]]["emptyDir"]
    assert folder["medium"] == "Memory"
    assert folder["sizeLimit"].endswith("Mi")


def test_pods_have_an_account_of_their_own_and_no_token_of_the_cluster(manifests: Manifests):
    account = manifests.one("ServiceAccount", manifests.pod["spec"]["serviceAccountName"])
    assert account["automountServiceAccountToken"] is False
    assert manifests.pod["spec"]["automountServiceAccountToken"] is False
    assert manifests.pod["spec"]["enableServiceLinks"] is False


def test_nothing_is_let_in_or_out_that_no_policy_names(manifests: Manifests):
    deny = manifests.one("NetworkPolicy", "default-deny")["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    rules = [
        rule
        for policy in manifests.of("NetworkPolicy")
        for rule in policy["spec"].get("ingress", [])
    ]
    assert rules
    assert all(rule["ports"] == [{"port": "http"}] for rule in rules)
    egress = manifests.one("NetworkPolicy")["spec"]["egress"]
    assert [port["port"] for rule in egress for port in rule["ports"]] == [53, 53]


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=str(path.relative_to(KUBERNETES)))
        for path in sorted(KUBERNETES.rglob("*.yaml"))
        if path.stem not in NOT_KINDS
    ],
)
def test_a_file_holds_one_object_and_is_named_for_its_kind(path: Path):
    found = read(path)
    assert SECOND_OF_A_KIND.get(path.stem, path.stem) == found["kind"].lower()


def test_every_file_is_used():
    used = set()
    for path in KUBERNETES.rglob("kustomization.yaml"):
        kustomization = read(path)
        named = [*kustomization.get("resources", []), *kustomization.get("components", [])]
        named += [patch["path"] for patch in kustomization.get("patches", []) if "path" in patch]
        used |= {(path.parent / name).resolve() for name in named}
    files = set(KUBERNETES.rglob("*.yaml")) - set(KUBERNETES.rglob("kustomization.yaml"))
    assert files <= used
