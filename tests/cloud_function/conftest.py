"""What the function's tests share: stand-ins at the network's border."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import parts
from tests.cloud_function.border import Border, BuildApi
from tests.cloud_function.images import Registry, compiled
from tests.cloud_function.namespace import Namespace, deployment_manifest
from tests.cloud_function.run_api import RunApi
from tests.cloud_function.run_place import Place, placed
from tests.cloud_function.samples import REPOSITORY, image


@pytest.fixture
def build_api() -> BuildApi:
    """Return the builds that Cloud Build's API knows; `build_border` serves them."""
    return BuildApi()


@pytest.fixture
def build_border(build_api: BuildApi) -> Iterator[Border]:
    """Serve `build_api` on loopback."""
    with Border(build_api.answer) as border:
        yield border


@pytest.fixture
def place(build_api: BuildApi, build_border: Border) -> Iterator[Place]:
    """Return a Cloud Run service that serves image 0."""
    with placed(RunApi(image("0")), build_api, build_border) as found:
        yield found


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """Return the registry that the cluster pulls from: REGISTRY."""
    address = parts.registry_of_cluster()
    for program in ("go", "kubectl"):
        parts.command(program, "it has to be on the PATH")
    return compiled(tmp_path_factory.mktemp("server"), address).registry


@pytest.fixture
def namespace(
    registry: Registry, build_api: BuildApi, build_border: Border, tmp_path: Path
) -> Iterator[Namespace]:
    """Return a namespace in which a Deployment runs, as the manifests would have left it."""
    name = f"rollout-{uuid.uuid4().hex[:8]}"
    made = Namespace(name, registry, build_api)
    made.kubectl("create", "namespace", name)
    try:
        made.grant(tmp_path, CLOUD_BUILD_ENDPOINT=build_border.url)
        made.apply(deployment_manifest(f"{REPOSITORY}@{registry.push(VERSION='first')}"))
        made.settle()
        yield made
    finally:
        made.kubectl("delete", "namespace", name, "--wait=false")
