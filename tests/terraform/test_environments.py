"""Runs the four commands in every root, against providers that know Google's schemas alone.

They refuse what the real ones do not know, and make nothing: what Google's APIs would say is not
seen here.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.terraform.terraform import ROOT, Terraform

pytestmark = pytest.mark.terraform

EVERYTHING = str(Path(__file__).with_name("everything.tfvars"))


def test_a_root_is_valid(environment: Path, terraform: Terraform):
    assert "The configuration is valid" in terraform.run(environment, "validate")


def test_a_root_holds_what_its_tests_promise(environment: Path, terraform: Terraform):
    assert terraform.passed(environment) >= 5


@pytest.mark.parametrize(
    ("root", "file", "half"),
    [
        pytest.param("cloud_run", "cloud-run-variables-file.tfvars", "service", id="cloud_run"),
        pytest.param("demo", "demo-variables-file.tfvars", "cluster", id="demo"),
        pytest.param("prod", "prod-variables-file.tfvars", "cluster", id="prod"),
        pytest.param("prod", EVERYTHING, "cluster", id="prod with all that it can be asked for"),
    ],
)
def test_the_four_commands_make_all_once_and_take_all_back(
    copy: Path, terraform: Terraform, root: str, file: str, half: str
):
    environment, variables = copy / "environments" / root, f"-var-file={file}"
    terraform.run(environment, "init")
    assert "0 to change, 0 to destroy" in terraform.run(environment, "plan", variables)

    # As where the first one was stopped half-way.
    terraform.run(environment, "apply", "-auto-approve", variables, f"-target=module.{half}")
    terraform.run(environment, "apply", "-auto-approve", variables)
    if half == "cluster":
        assert _told_to_manifests(environment, terraform) == _asked_by_manifests()
    again = terraform.run(environment, "apply", "-auto-approve", variables)
    assert "Resources: 0 added, 0 changed, 0 destroyed." in again

    terraform.run(environment, "destroy", "-auto-approve", variables)
    assert terraform.run(environment, "state", "list") == ""


def _told_to_manifests(environment: Path, terraform: Terraform) -> set[str]:
    told = yaml.safe_load(terraform.run(environment, "output", "-raw", "project_yaml"))
    assert all(told["data"].values())
    return set(told["data"])


def _asked_by_manifests() -> set[str]:
    """Return the keys of the overlay's own file: what they say is whoever's it is."""
    overlay = ROOT / "kubernetes" / "overlays" / "gke" / "project.yaml"
    return set(yaml.safe_load(overlay.read_text())["data"])
