"""Parts from outside of the repository, and what a test does when one is not on this machine."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def absent(reason: str) -> NoReturn:
    """Skip for `reason`, or fail where nothing may be skipped: CI cannot quietly prove nothing."""
    if os.environ.get("CI") == "true" or os.environ.get("SLIPWAY_NO_SKIP") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def told_by(variable: str, what: str) -> str:
    """Return what the environment variable says, which is where `what` is."""
    return os.environ.get(variable) or absent(f"{what} is not here; {variable} says where")


def command(name: str, hint: str) -> str:
    """Return the path of a command; `name` may be a path too, and `hint` says how to have it."""
    return shutil.which(name) or absent(f"{name} is not here; {hint}")


def image_tool() -> str:
    """Return the command that builds and runs images."""
    named = told_by("SLIPWAY_IMAGE_TOOL", "a tool that builds images")
    return command(named, "SLIPWAY_IMAGE_TOOL says where a tool that builds images is")


def registry_of_cluster() -> str:
    """Return the address of the registry that the cluster pulls from, where there are both."""
    told_by("KUBECONFIG", "a cluster")
    return told_by("REGISTRY", "the registry that the cluster pulls from")
