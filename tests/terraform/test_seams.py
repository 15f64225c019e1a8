"""Holds `terraform/` to what it names of other rooms; needs no terraform.

A name that two rooms write down is right only as long as both write the same.
"""

from __future__ import annotations

import re

import yaml

from rollout.settings import Settings
from tests.terraform.terraform import ROOT, TERRAFORM

KUBERNETES = ROOT / "kubernetes"


def _module(path: str) -> str:
    return (TERRAFORM / "modules" / path).read_text()


def test_the_function_is_told_settings_that_it_knows():
    known = set(Settings.variables())
    main = _module("deployer/main.tf")
    told = set(re.findall(r"^      ([A-Z_]+) += ", main, re.MULTILINE))
    assert told >= {"PROJECT", "ZONE", "CLUSTER", "DEPLOYMENT"}
    assert told <= known
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
    assert f'[${{var.namespace}}/{account["metadata"]["name"]}]"' in _module("data/main.tf")
    for module in ("data", "deployer", "monitoring"):
        assert f'default     = "{overlay["namespace"]}"' in _module(f"{module}/variables.tf")


def test_the_certificate_map_is_called_as_the_gateway_calls_it():
    component = (KUBERNETES / "components/gateway-https/kustomization.yaml").read_text()
    named = re.search(r"networking\.gke\.io/certmap: ([\w-]+)", component)
    assert named is not None
    assert f'front  = "${{var.prefix}}{named[1]}"' in _module("network/front.tf")


def test_alerts_are_on_metrics_and_events_that_there_are():
    monitoring = _module("monitoring/main.tf")
    metrics = set(re.findall(r"\b(slipway_\w+?)(?:_bucket)?\{", monitoring))
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
