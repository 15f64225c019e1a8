"""What the manifests' tests share: kubectl, and the manifests in each form that is deployed."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from tests.kubernetes.manifests import KUBERNETES, Manifests, base, rendered
from tests.parts import absent, command

#: The first whose kustomize knows components, replacements and labels in templates.
_OLDEST_KUBECTL = (1, 27)


@pytest.fixture(scope="session")
def kubectl() -> str:
    """Return a kubectl whose kustomize is not too old."""
    found = command(os.environ.get("KUBECTL") or "kubectl", "KUBECTL says where")
    told = subprocess.run([found, "version", "--client"], capture_output=True, text=True)
    version = re.search(r"v(\d+)\.(\d+)", told.stdout)
    if version is None or (int(version[1]), int(version[2])) < _OLDEST_KUBECTL:
        absent(f"{found} is older than 1.27; KUBECTL names another")
    return found


@pytest.fixture(
    params=[
        "base",
        pytest.param("overlays/local", marks=pytest.mark.kubectl),
        pytest.param("overlays/gke", marks=pytest.mark.kubectl),
        pytest.param("overlays/gke-open", marks=pytest.mark.kubectl),
    ]
)
def manifests(request: pytest.FixtureRequest) -> Manifests:
    """Return the manifests of each form in turn; those that need kustomize ask for kubectl."""
    if request.param == "base":
        return base()
    return rendered(request.getfixturevalue("kubectl"), KUBERNETES / request.param)


@pytest.fixture
def gke(kubectl: str) -> Manifests:
    """Return what is applied to a GKE cluster that may be reached from outside."""
    return rendered(kubectl, KUBERNETES / "overlays" / "gke-open")
