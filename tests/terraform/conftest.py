"""What the tests of `terraform/` share: terraform, stub providers, and a copy to work in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.parts import command, told_by
from tests.terraform.terraform import ENVIRONMENTS, MODULES, ROOT, Terraform


@pytest.fixture(scope="session")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """Return terraform with the providers that TF_CLI_CONFIG_FILE tells it of, and no others."""
    told_by("TF_CLI_CONFIG_FILE", "a mirror of providers that have Google's schemas and no cloud")
    path = command("terraform", "https://developer.hashicorp.com/terraform/install")
    return Terraform(path, tmp_path_factory.mktemp("plugins"))


@pytest.fixture(scope="session")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of `terraform/`, beside what it reads of other rooms."""
    copied = tmp_path_factory.mktemp("checkout")
    left_behind = shutil.ignore_patterns(".terraform*", "*.tfstate*", "__pycache__")
    for name in ("terraform", "cloud_function", "app/records", "kubernetes/components/monitoring"):
        shutil.copytree(ROOT / name, copied / name, ignore=left_behind)
    return copied / "terraform"


@pytest.fixture(scope="module", params=MODULES)
def module(request: pytest.FixtureRequest, copy: Path, terraform: Terraform) -> Path:
    """Return each module in turn, initialised."""
    return terraform.initialised(copy / request.param)


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def environment(request: pytest.FixtureRequest, copy: Path, terraform: Terraform) -> Path:
    """Return each root in turn, initialised."""
    return terraform.initialised(copy / request.param)
