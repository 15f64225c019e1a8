"""Reads the files of `terraform/` for what holds in every room of it; needs no terraform."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.terraform.terraform import ENVIRONMENTS, FOLDERS, MODULES, TERRAFORM


def _blocks(text: str, kind: str) -> dict[str, str]:
    """Return the blocks of a kind by their name; a block ends where a line begins with }."""
    found = re.finditer(rf'^{kind} "(\w+)" {{\n(.*?)^}}', text, re.MULTILINE | re.DOTALL)
    return {block[1]: block[2] for block in found}


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_variable_has_a_type_and_says_what_it_is(folder: str):
    variables = _blocks((TERRAFORM / folder / "variables.tf").read_text(), "variable")
    assert variables
    for name, block in variables.items():
        assert re.search(r"^  type +=", block, re.MULTILINE), name
        assert re.search(r'^  description = "\S', block, re.MULTILINE), name


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_refuses_a_value_names_the_variable_and_the_value(folder: str):
    variables = _blocks((TERRAFORM / folder / "variables.tf").read_text(), "variable")
    for name, block in variables.items():
        for message in re.findall(r"error_message = \"(.*)\"$", block, re.MULTILINE):
            assert message.startswith(f"{name} = "), message
            assert f"var.{name}" in message


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_output_says_what_it_is_for(folder: str):
    for name, block in _blocks((TERRAFORM / folder / "outputs.tf").read_text(), "output").items():
        assert re.search(r'^  description = "\S', block, re.MULTILINE), name


@pytest.mark.parametrize("folder", FOLDERS)
def test_nothing_is_run_on_the_machine_that_applies(folder: str):
    for source in (TERRAFORM / folder).glob("*.tf"):
        assert not re.search(r'provisioner "|null_resource|data "external"', source.read_text())


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_check_that_is_passed_over_has_its_reason(folder: str):
    for source in (TERRAFORM / folder).glob("*.tf"):
        for line in re.findall(r"checkov:skip.*", source.read_text()):
            assert re.fullmatch(r"checkov:skip=CKV2?_GCP_\d+:\w.+\.", line), line


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_module_has_its_place_in_every_root_with_a_cluster_or_a_service(environment: str):
    text = (TERRAFORM / environment / "main.tf").read_text()
    others = {"cluster", "network"} if environment.endswith("/cloud_run") else {"service"}
    assert set(_blocks(text, "module")) == {Path(module).name for module in MODULES} - others


def test_the_readme_names_every_module():
    text = (TERRAFORM / "README.md").read_text()
    assert re.findall(r"^\| \[(\w+)\]\(modules/", text, re.MULTILINE) == [
        Path(module).name for module in MODULES
    ]


def test_a_variables_file_sets_nothing_that_is_unknown():
    for environment in ENVIRONMENTS:
        folder = TERRAFORM / environment
        known = set(_blocks((folder / "variables.tf").read_text(), "variable"))
        (file,) = folder.glob("*.tfvars")
        named = re.findall(r"^(?:# )?(\w+) += ", file.read_text(), re.MULTILINE)
        assert named
        assert set(named) <= known


def test_the_table_of_predictions_has_one_description_a_column():
    columns = json.loads((TERRAFORM.parent / "app/records/prediction.schema.json").read_text())
    names = [column["name"] for column in columns]
    assert len(set(names)) == len(names)
    assert all(column["description"].endswith(".") for column in columns)
