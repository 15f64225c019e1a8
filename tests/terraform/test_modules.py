"""Runs terraform on every module, against providers that know Google's schemas alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.terraform.terraform import Terraform

pytestmark = pytest.mark.terraform


def test_every_file_is_formatted(copy: Path, terraform: Terraform):
    assert terraform.run(copy, "fmt", "-check", "-recursive", exits=(0, 3)) == ""


def test_a_module_is_valid(module: Path, terraform: Terraform):
    assert "The configuration is valid" in terraform.run(module, "validate")


def test_a_module_holds_what_its_tests_promise(module: Path, terraform: Terraform):
    assert terraform.passed(module) >= 5
