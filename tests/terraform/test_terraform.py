"""Runs terraform on every module and root, against providers that know Google's schemas alone.

They refuse what the real ones do not know, and make nothing: what Google's APIs would say is not
seen here.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.terraform.terraform import ENVIRONMENTS, ROOT, Terraform

pytestmark = pytest.mark.terraform


def test_every_file_is_formatted(copy: Path, terraform: Terraform):
    assert terraform.run(copy, "fmt", "-check", "-recursive", exits=(0, 3)) == ""


def test_it_is_valid(folder: Path, terraform: Terraform):
    assert "The configuration is valid" in terraform.run(folder, "validate")


def test_it_holds_what_its_tests_promise(folder: Path, terraform: Terraform):
    told = terraform.run(folder, "test")
    passed = re.search(r"Success! (\d+) passed, 0 failed\.", told)
    assert passed is not None, told[-3000:]
    assert int(passed[1]) >= 5


@pytest.fixture(params=ENVIRONMENTS)
def environment(request: pytest.FixtureRequest, copy: Path) -> Path:
    """Return each root in turn, not yet initialised for sure."""
    return copy / str(request.param)


def test_the_four_commands_make_all_once_and_take_all_back(environment: Path, terraform: Terraform):
    variables = f"-var-file={environment.name}-variables-file.tfvars"
    terraform.run(environment, "init")
    assert "0 to change, 0 to destroy" in terraform.run(environment, "plan", variables)

    # As where the first one was stopped half-way.
    terraform.run(environment, "apply", "-auto-approve", variables, "-target=module.cluster")
    terraform.run(environment, "apply", "-auto-approve", variables)
    assert _manifests(environment, terraform) == _manifests_keys()
    again = terraform.run(environment, "apply", "-auto-approve", variables)
    assert "Resources: 0 added, 0 changed, 0 destroyed." in again

    terraform.run(environment, "destroy", "-auto-approve", variables)
    assert terraform.run(environment, "state", "list") == ""


def _manifests(environment: Path, terraform: Terraform) -> set[str]:
    told = yaml.safe_load(terraform.run(environment, "output", "-raw", "project_yaml"))
    assert all(told["data"].values())
    return set(told["data"])


def _manifests_keys() -> set[str]:
    overlay = ROOT / "kubernetes" / "overlays" / "gke" / "project.yaml"
    return set(yaml.safe_load(overlay.read_text())["data"])
