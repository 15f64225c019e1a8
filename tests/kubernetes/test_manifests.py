"""What holds in every form of the manifests: what they promise and what the server does agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from app.application import create_app
from app.cli import COMMANDS
from app.records.shipper import LAST_S
from app.serving.client import InferenceClient
from app.settings import Settings
from tests.kubernetes.manifests import KUBERNETES, NAME, Manifests, read

#: What the server's own end may take, once nothing is in flight any more.
MARGIN_S = 10
#: What the ConfigMap has for users of this design, beside the server's settings.
FOR_THE_PROJECT = {"bigquery_dataset"}
#: A file is named for the kind of object in it, but for a kind's second one.
SECOND_OF_A_KIND = {"default-deny": "networkpolicy"}
#: Kustomize's own, the object that is not applied, and patches named for what they do.
NOT_KINDS = {"kustomization", "project", "stop", "settings", "onnewimage-rbac"}
#: Rendered, with names of its own.
PLAIN = KUBERNETES / "plain"


def _routes() -> set[str]:
    app = create_app(Settings.from_environment({}), cast(InferenceClient, object()))
    return {rule.rule for rule in app.url_map.iter_rules()}


def _waits_s(probe: dict[str, Any]) -> int:
    """Return how long the command that a probe runs waits; it has to be one that there is."""
    *words, wait_s = probe["exec"]["command"]
    assert words == ["slipway", "ready", "--wait"]
    assert "ready" in COMMANDS
    return int(wait_s)


def test_every_probe_asks_a_path_that_the_server_has_at_the_port_by_its_name(manifests: Manifests):
    probes = [manifests.container[name] for name in ("readinessProbe", "livenessProbe")]
    assert {probe["httpGet"]["path"] for probe in probes} <= _routes()
    assert {probe["httpGet"]["port"] for probe in probes} == {"http"}


def test_loading_has_five_minutes_and_a_rollout_waits_longer_than_that(manifests: Manifests):
    probe = manifests.container["startupProbe"]
    budget_s = _waits_s(probe) * probe["failureThreshold"]
    assert budget_s == 300
    assert probe["timeoutSeconds"] >= _waits_s(probe) + 5
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
    longest_s = pause_s + settings.hosting.stop_delay_s + settings.hosting.stop_timeout_s
    assert pause_s >= 5
    grace_s = manifests.pod["spec"]["terminationGracePeriodSeconds"]
    assert grace_s >= longest_s + LAST_S + MARGIN_S
    assert settings.hosting.stop_timeout_s >= settings.serving.inference_timeout_s


def test_the_service_leads_to_the_port_that_the_server_listens_on(manifests: Manifests):
    settings = Settings.from_environment(manifests.settings)
    ports = {port["name"]: port["containerPort"] for port in manifests.container["ports"]}
    assert ports == {"http": settings.hosting.port}
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


def test_the_number_of_pods_is_the_autoscalers_alone(manifests: Manifests):
    assert "replicas" not in manifests.one("Deployment")["spec"]
    spec = manifests.one("HorizontalPodAutoscaler")["spec"]
    assert 1 <= spec["minReplicas"] < spec["maxReplicas"]


def test_temporary_files_have_a_folder_of_bounded_size_and_nothing_else_is_written(
    manifests: Manifests,
):
    env = {one["name"]: one.get("value") for one in manifests.container["env"]}
    mounts = {one["mountPath"]: one["name"] for one in manifests.container["volumeMounts"]}
    volumes = {one["name"]: one for one in manifests.pod["spec"]["volumes"]}
    assert volumes[mounts[str(env["TMPDIR"])]]["emptyDir"]["sizeLimit"]


def test_the_prediction_log_is_on_a_disk_with_room_for_it_and_for_a_damaged_one(
    manifests: Manifests,
):
    records = Settings.from_environment(manifests.settings).records
    mounts = {one["mountPath"]: one["name"] for one in manifests.container["volumeMounts"]}
    volumes = {one["name"]: one for one in manifests.pod["spec"]["volumes"]}
    assert records.prediction_log is not None
    log_folder = str(records.prediction_log.parent)
    # Without a size of its own: a pod that is over it would be evicted, and the log gone with it.
    assert volumes[mounts[log_folder]]["emptyDir"] == {}
    for kind in ("requests", "limits"):
        disk_mib = _mebibytes(manifests.container["resources"][kind]["ephemeral-storage"])
        assert disk_mib >= 3 * records.most_mib


def _mebibytes(quantity: str) -> int:
    assert quantity.endswith("Gi")
    return int(quantity[:-2]) * 1024


def test_policies_let_in_by_ports_that_the_container_has(manifests: Manifests):
    rules = [
        rule
        for policy in manifests.of("NetworkPolicy")
        for rule in policy["spec"].get("ingress", [])
    ]
    ports = {port["port"] for rule in rules for port in rule["ports"]}
    assert ports == {port["name"] for port in manifests.container["ports"]}


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=str(path.relative_to(KUBERNETES)))
        for path in sorted(KUBERNETES.rglob("*.yaml"))
        if path.stem not in NOT_KINDS and path.parent != PLAIN
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
    assert files - set(PLAIN.iterdir()) <= used
