"""What the manifests' tests share: kubectl, and the manifests in each form that is deployed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest

from tests.kubernetes.manifests import KUBERNETES, Manifests, base, rendered

#: The first whose kustomize knows components, replacements and labels in templates.
_OLDEST_KUBECTL = (1, 27)


def absent(reason: str) -> None:
    """Skip, or fail where nothing may be skipped."""
    if os.environ.get("CI") == "true" or os.environ.get("SLIPWAY_NO_SKIP") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def kubectl() -> str:
    """Return a kubectl whose kustomize is not too old."""
    found = shutil.which(os.environ.get("KUBECTL") or "kubectl")
    if found is None:
        absent("kubectl is not here; KUBECTL says where")
    told = subprocess.run([str(found), "version", "--client"], capture_output=True, text=True)
    version = re.search(r"v(\d+)\.(\d+)", told.stdout)
    if version is None or (int(version[1]), int(version[2])) < _OLDEST_KUBECTL:
        absent(f"{found} is older than 1.27; KUBECTL names another")
    return str(found)


@pytest.fixture(
    params=[
        "base",
        pytest.param("overlays/local", marks=pytest.mark.cluster),
        pytest.param("overlays/gke", marks=pytest.mark.cluster),
    ]
)
def manifests(request: pytest.FixtureRequest) -> Manifests:
    """Return the manifests of each form in turn; those that need kustomize ask for kubectl."""
    if request.param == "base":
        return base()
    return rendered(request.getfixturevalue("kubectl"), KUBERNETES / request.param)


@pytest.fixture
def gke(kubectl: str) -> Manifests:
    """Return what is applied to a GKE cluster."""
    return rendered(kubectl, KUBERNETES / "overlays" / "gke")
