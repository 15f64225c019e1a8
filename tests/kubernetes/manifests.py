"""Reads the manifests: the base as the files are, the rest as kustomize renders it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

KUBERNETES = Path(__file__).resolve().parents[2] / "kubernetes"
NAME = "ml-model"


@dataclass(frozen=True)
class Manifests:
    """The objects of one rendering."""

    objects: tuple[dict[str, Any], ...]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.objects if one["kind"] == kind]

    def one(self, kind: str, name: str = NAME) -> dict[str, Any]:
        """Return the object of that kind and name, which has to be there once."""
        (found,) = [one for one in self.of(kind) if one["metadata"]["name"] == name]
        return found

    @property
    def pod(self) -> Any:
        """Return the Deployment's pod template."""
        return self.one("Deployment")["spec"]["template"]

    @property
    def container(self) -> Any:
        (container,) = self.pod["spec"]["containers"]
        return container

    @property
    def settings(self) -> dict[str, str]:
        """Return the ConfigMap's data."""
        data: dict[str, str] = self.one("ConfigMap", "ml-model-config")["data"]
        return data


def read(path: Path) -> Any:
    """Return the one object that a file holds."""
    (found,) = yaml.safe_load_all(path.read_text())
    return found


def base() -> Manifests:
    """Return the base's objects, read without kustomize."""
    folder = KUBERNETES / "base"
    names = read(folder / "kustomization.yaml")["resources"]
    return Manifests(tuple(one for name in names for one in _objects(folder / name)))


def _objects(path: Path) -> Iterator[dict[str, Any]]:
    yield from yaml.safe_load_all(path.read_text())


def rendered(kubectl: str, folder: Path) -> Manifests:
    """Return what kustomize makes of a folder; what it complains of is the test's."""
    ran = subprocess.run(
        [kubectl, "kustomize", str(folder)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return Manifests(tuple(yaml.safe_load_all(ran.stdout)))


def rendered_with(kubectl: str, overlay: str, components: Sequence[str]) -> Manifests:
    """Return an overlay, or `base`, with components that it does not have."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        kustomization = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [os.path.relpath(KUBERNETES / overlay, folder)],
            "components": [
                os.path.relpath(KUBERNETES / "components" / component, folder)
                for component in components
            ],
        }
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
        return rendered(kubectl, folder)
