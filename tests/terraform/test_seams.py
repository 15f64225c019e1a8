"""Holds `terraform/` to what it names of other rooms; needs no terraform.

A name that two rooms write down is right only as long as both write the same.
"""

from __future__ import annotations

import re

import yaml

from app import settings
from rollout.settings import Settings
from tests.terraform.terraform import ROOT, TERRAFORM

KUBERNETES = ROOT / "kubernetes"

# The default of a variable, or of a part of one.
NAMESPACE = r'namespace(?:" \{[^}]*default)? += (?:optional\(string, )?"(\w+)"'


def _module(path: str) -> str:
    return (TERRAFORM / "modules" / path).read_text()


def _settings(path: str) -> set[str]:
    return set(re.findall(r"^ {4,6}([A-Z_]+) += ", _module(path), re.MULTILINE))


def test_the_function_is_told_settings_that_it_knows():
    known = set(Settings.variables())
    assert _settings("deployer/main.tf") == {"PROJECT", "BUILD_REGION", "IMAGE_TAGS"}
    assert _settings("deployer/cluster.tf") == {"ZONE", "CLUSTER", "NAMESPACE", "DEPLOYMENT"}
    assert _settings("deployer/service.tf") == {"SERVICE", "REGION", "IMAGE_REPOSITORY"}
    for file in ("main", "cluster", "service"):
        assert _settings(f"deployer/{file}.tf") <= known, file
    places = _module("data/main.tf")
    assert set(re.findall(r'^    ([A-Z_]+) += "', places, re.MULTILINE)) <= known


def test_the_trigger_substitutes_what_cloudbuild_yaml_has():
    known = yaml.safe_load((ROOT / "cloudbuild.yaml").read_text())["substitutions"]
    told = re.findall(r"^    (_[A-Z_]+) += ", _module("registry_and_build/main.tf"), re.MULTILINE)
    assert set(told) == {"_REGION", "_REPOSITORY", "_SERVICE_ACCOUNT"}
    assert set(told) <= set(known)
    assert f'default     = "{known["_REPOSITORY"]}"' in _module("registry_and_build/variables.tf")


def test_the_image_is_called_as_the_build_calls_it():
    (image,) = yaml.safe_load((ROOT / "cloudbuild.yaml").read_text())["images"]
    name = image.partition("/${_REPOSITORY}/")[2].partition(":")[0]
    assert f'.repository_id}}/{name}"' in _module("registry_and_build/main.tf")


def test_pods_are_believed_under_the_name_that_the_manifests_give_them():
    overlay = yaml.safe_load((KUBERNETES / "overlays/gke/kustomization.yaml").read_text())
    account = yaml.safe_load((KUBERNETES / "base/serviceaccount.yaml").read_text())
    assert f'[${{var.namespace}}/{account["metadata"]["name"]}]"' in _module("data/server.tf")
    for module in ("data", "deployer", "monitoring"):
        namespaces = re.findall(NAMESPACE, _module(f"{module}/variables.tf"))
        assert namespaces == [overlay["namespace"]], module


def test_the_service_is_told_what_the_pages_advise_and_settings_that_the_server_knows():
    told = dict(re.findall(r'^    ([A-Z_]+) += "(\w+)"', _module("service/main.tf"), re.MULTILINE))
    assert set(told) <= set(settings.Settings.variables())
    page = (ROOT / "docs/portability.md").read_text().partition("## Cloud Run\n")[2]
    assert dict(re.findall(r"^([A-Z_]+)=(\S+)$", page, re.MULTILINE)) == told
    by_hand = (ROOT / "docs/by-hand.md").read_text()
    assert f'--set-env-vars="{",".join("=".join(pair) for pair in told.items())}"' in by_hand


def test_the_service_by_hand_is_the_one_that_terraform_makes():
    page = (ROOT / "docs/by-hand.md").read_text()
    command = page.partition("gcloud run deploy ml-model")[2].partition("```")[0]
    flags = dict(re.findall(r"--([a-z-]+)=(\S+)", command))
    main, variables = _module("service/main.tf"), _module("service/variables.tf")
    assert f'image = "{flags["image"]}"' in main
    assert f'cpu    = "{flags["cpu"]}"' in main
    assert f'timeout = "{flags["timeout"]}s"' in main
    assert f"container_port = {flags['port']}\n" in main
    for name in ("memory", "concurrency", "max-instances"):
        block = variables.partition(f'variable "{name.replace("-", "_")}"')[2]
        (default, *_) = re.findall(r'default += "?(\w+)"?', block)
        assert flags[name] == default, name
    assert flags["startup-probe"] == _probe("startup", main)
    assert flags["liveness-probe"] == _probe("liveness", main)


def _probe(kind: str, main: str) -> str:
    """Return a probe as `gcloud` takes it."""
    block = main.partition(f"{kind}_probe {{")[2]
    names = ("path", "port", "period_seconds", "timeout_seconds", "failure_threshold")
    path, port, period, timeout, failures = (
        re.findall(rf'\b{name} += "?(\S+?)"?\n', block)[0] for name in names
    )
    return (
        f"httpGet.path={path},httpGet.port={port},periodSeconds={period},"
        f"timeoutSeconds={timeout},failureThreshold={failures}"
    )


def test_the_service_waits_for_the_server_as_a_cluster_does():
    main = _module("service/main.tf")
    gateway = KUBERNETES / "components/gateway"
    policy = yaml.safe_load((gateway / "gcpbackendpolicy.yaml").read_text())
    assert f'timeout = "{policy["spec"]["default"]["timeoutSec"]}s"' in main
    told = re.search(r'KEEPALIVE_S: "(\d+)"', (gateway / "settings.yaml").read_text())
    assert told is not None
    assert re.search(rf'KEEPALIVE_S += "{told[1]}"', main)
    most = settings.Settings.variables()["QUEUE_LIMIT"][0]
    assert f"var.concurrency <= {most} " in _module("service/variables.tf")


def test_what_an_open_gateway_needs_is_called_as_the_manifests_call_it():
    component = (KUBERNETES / "components/gateway-https/kustomization.yaml").read_text()
    named = re.search(r"networking\.gke\.io/certmap: ([\w-]+)", component)
    assert named is not None
    assert f'front  = "${{var.prefix}}{named[1]}"' in _module("network/front.tf")
    for file in ("gateway-https", "gateway-allow"):
        component = (KUBERNETES / f"components/{file}/kustomization.yaml").read_text()
        names = re.findall(r"(?:certmap: |NamedAddress, value: |value: )([a-z][\w-]+)\b", component)
        assert set(names) >= {named[1]}, file


def test_what_terraform_tells_to_apply_is_an_overlay():
    overlays = {path.name for path in (KUBERNETES / "overlays").iterdir()}
    assert overlays >= {"gke", "gke-allow", "gke-iap", "gke-allow-iap"}
    outputs = (TERRAFORM / "environments/prod/outputs.tf").read_text()
    (parts,) = re.findall(r'output "apply" \{.*?join\("", \[(.*?)\]\)', outputs, re.DOTALL)
    assert re.findall(r'"(\S[^":?]+)"', parts) == ["kubernetes/apply.sh gke", "-allow", "-iap"]


def test_alerts_are_on_metrics_and_events_that_there_are():
    monitoring = _module("monitoring/main.tf")
    promises = _module("monitoring/cluster.tf")
    rules = (KUBERNETES / "components/monitoring/rules.yaml").read_text()
    metrics = set(re.findall(r"\b(slipway_\w+?)(?:_bucket)?\{", promises))
    metrics |= set(re.findall(r"\bslipway_\w+", rules))
    page = (ROOT / "docs/http.md").read_text()
    assert metrics
    assert metrics <= set(re.findall(r"^\| `(slipway_\w+)`", page, re.MULTILINE))

    events = set(re.findall(r'\\"([a-z-]+)\\"', monitoring)) - {"cloud_run_revision"}
    page = (ROOT / "docs/rollout.md").read_text()
    assert events == {"rolled-back", "failed", "permanent"}
    assert all(f"`{event}`" in page for event in events)


def test_the_page_names_every_account_that_is_made():
    made = {
        name
        for source in TERRAFORM.glob("modules/*/*.tf")
        for name in re.findall(r'account_id   = "\$\{var\.prefix\}([\w-]+)"', source.read_text())
    }
    page = (ROOT / "docs/terraform.md").read_text()
    told = page.partition("## Who may what")[2].partition("## What it costs")[0]
    assert set(re.findall(r"^\| `([\w-]+)` \|", told, re.MULTILINE)) == made
