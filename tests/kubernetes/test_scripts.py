"""What the scripts say where they cannot begin: one line what is wrong, one line what helps."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.kubernetes.manifests import KUBERNETES

SCRIPTS = sorted(path.name for path in KUBERNETES.glob("*.sh"))
BASH = str(shutil.which("bash"))


def _context(folder: Path, name: str) -> Path:
    """Return a kubectl configuration for a cluster that is not there."""
    configuration = folder / "kubeconfig"
    configuration.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": name,
                "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
                "clusters": [{"name": name, "cluster": {"server": "https://127.0.0.1:9"}}],
                "users": [{"name": name, "user": {}}],
            }
        )
    )
    return configuration


def _refusal(name: str, *words: str, **variables: str) -> tuple[str, str]:
    """Run a script that has to fail and return what it said was wrong, and the cure."""
    ran = subprocess.run(
        [BASH, str(KUBERNETES / name), *words],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1, ran.stderr
    assert ran.stdout == ""
    told, cure = ran.stderr.splitlines()[-2:]
    assert ": cure: " in cure
    return told, cure


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_says_what_it_does_and_which_variables_it_reads(name: str):
    lines = (KUBERNETES / name).read_text().splitlines()
    head = [line for line in lines[1:] if line.startswith("#")]
    assert len(head) >= 5
    assert "set -euo pipefail" in lines
    assert os.access(KUBERNETES / name, os.X_OK)


def test_an_overlay_that_is_not_there_is_told_with_those_that_are():
    told, cure = _refusal("apply.sh", "cloudy")
    assert "no overlay 'cloudy'" in told
    assert all(path.name in cure for path in (KUBERNETES / "overlays").iterdir())


@pytest.mark.parametrize("name", ["apply.sh", "setup_local_k8s.sh"])
def test_without_kubectl_a_script_says_where_it_is_to_be_had(name: str, tmp_path: Path):
    for word in ("dirname", "sed"):
        (tmp_path / word).symlink_to(str(shutil.which(word)))
    told, cure = _refusal(name, "local", PATH=str(tmp_path))
    assert "kubectl is not here" in told
    assert "https://" in cure


@pytest.mark.kubectl
def test_a_cluster_that_looks_like_production_is_left_alone(kubectl: str, tmp_path: Path):
    path = f"{Path(kubectl).parent}{os.pathsep}{os.environ['PATH']}"
    kubeconfig = str(_context(tmp_path, "gke_my-project_europe-west1_live"))
    told, cure = _refusal("setup_local_k8s.sh", PATH=path, KUBECONFIG=kubeconfig)
    assert "gke_my-project_europe-west1_live" in told
    assert "ANY_CLUSTER=yes" in cure


@pytest.mark.kubectl
@pytest.mark.parametrize("name", ["apply.sh", "setup_local_k8s.sh"])
def test_a_cluster_that_does_not_answer_is_told(kubectl: str, tmp_path: Path, name: str):
    path = f"{Path(kubectl).parent}{os.pathsep}{os.environ['PATH']}"
    kubeconfig = str(_context(tmp_path, "minikube"))
    told, cure = _refusal(name, "local", PATH=path, KUBECONFIG=kubeconfig)
    assert "does not answer" in told
    assert "kubectl config" in cure
