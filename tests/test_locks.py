"""The locks install tomorrow what they install today, whatever is released meanwhile."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

Package = tuple[str, frozenset[str]]


def locked(lock: Path) -> set[Package]:
    """Return each name of a lock with the extras that it has there: to pip, a package each."""
    lines = re.findall(r"^[\w.-]+(?:\[.*?\])?==\S+", lock.read_text(), re.MULTILINE)
    return {_package(Requirement(line)) for line in lines}


def _package(requirement: Requirement) -> Package:
    return canonicalize_name(requirement.name), frozenset(requirement.extras)


def needed(package: Package) -> Iterator[Package]:
    """Yield what a package asks for, as it names it."""
    name, extras = package
    for line in distribution(name).requires or []:
        requirement = Requirement(line)
        asked = [{"extra": extra} for extra in extras] or [{"extra": ""}]
        if requirement.marker is None or any(map(requirement.marker.evaluate, asked)):
            yield _package(requirement)


def test_all_that_pip_will_look_for_is_in_the_functions_lock(root: Path):
    packages = locked(root / "cloud_function" / "requirements.txt")
    assert ("google-auth", frozenset({"urllib3"})) in packages
    missing = {asked for package in packages for asked in needed(package)} - packages
    assert missing == set()


def test_the_lock_without_tensorflow_is_the_servers_own_less_what_that_alone_needs(root: Path):
    """The same versions by the same hashes, complete, and nothing that nothing asks for."""
    lock = root / "requirements-without-tensorflow.txt"
    blocks = re.split(r"^(?=[\w.-]+==)", lock.read_text(), flags=re.MULTILINE)[1:]
    whole = (root / "requirements.txt").read_text()
    assert [block for block in blocks if block.rstrip("\n") not in whole] == []
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    direct = {_package(Requirement(line)) for line in project["dependencies"]}
    packages = locked(lock)
    asked = direct | {one for package in packages for one in needed(package)}
    left_out = {"keras", "setuptools", "tensorflow", "tensorflow-cpu", "openvino-telemetry"}
    assert {name for name, _ in asked - packages} == left_out
    assert packages <= asked


@pytest.mark.parametrize("file", ["setup.sh", "Dockerfile", "cloudbuild.yaml", ".ci/run"])
def test_of_every_other_lock_pip_looks_for_nothing(root: Path, file: str):
    text = (root / file).read_text().replace("\\\n", " ")
    commands = [line for line in text.splitlines() if "--require-hashes" in line]
    assert commands
    assert all("--no-deps" in command for command in commands)
