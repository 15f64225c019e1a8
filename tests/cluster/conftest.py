"""What the tests share: a cluster, a Pub/Sub, the function between them."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.cloud_function.border import Border, BuildApi
from tests.cloud_function.samples import REPOSITORY
from tests.cluster.function import Function
from tests.cluster.images import Images, compiled
from tests.cluster.pubsub import Bus
from tests.cluster.site import Site
from tests.kubernetes.conftest import absent

StartSite = Callable[..., AbstractContextManager[Site]]


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Images:
    """Return the small server's program and the registry that the cluster pulls from."""
    for variable, what in (("KUBECONFIG", "a cluster"), ("REGISTRY", "its registry")):
        if not os.environ.get(variable):
            absent(f"{what} is not here; {variable} says where")
    for command in ("go", "kubectl"):
        if shutil.which(command) is None:
            absent(f"{command} is not on the PATH")
    return compiled(tmp_path_factory.mktemp("server"), os.environ["REGISTRY"])


@pytest.fixture(scope="session")
def pubsub_address() -> str:
    """Return where Pub/Sub is: a fake or an emulator that pushes."""
    address = os.environ.get("PUBSUB_EMULATOR_HOST", "")
    if not address:
        absent("a Pub/Sub that pushes is not here; PUBSUB_EMULATOR_HOST says where")
    return address


@pytest.fixture
def build_api() -> BuildApi:
    """Return the builds that Cloud Build's API knows."""
    return BuildApi()


@pytest.fixture
def start_site(
    images: Images, pubsub_address: str, build_api: BuildApi, tmp_path: Path
) -> StartSite:
    """Return how a namespace is filled and the function started, as `with start_site() as site:`.

    What is given besides are the function's settings; `is_quick` and `autoscales` are `deploy`'s.
    """

    @contextmanager
    def start(
        *, is_quick: bool = True, autoscales: bool = False, **settings: str
    ) -> Iterator[Site]:
        site = Site(f"rollout-{uuid.uuid4().hex[:8]}", images.registry, build_api)
        site.kubectl("create", "namespace", site.name)
        try:
            with Border(build_api.answer) as border:
                site.grant(tmp_path, CLOUD_BUILD_ENDPOINT=border.url, **settings)
                first = f"{REPOSITORY}@{images.registry.push(VERSION='first')}"
                site.deploy(first, is_quick=is_quick, autoscales=autoscales)
                with _connected(site, pubsub_address, tmp_path / "function.log"):
                    yield site
        finally:
            site.kubectl("delete", "namespace", site.name, "--wait=false")

    return start


@contextmanager
def _connected(site: Site, pubsub_address: str, log: Path) -> Iterator[None]:
    """Start the function and have Pub/Sub push to it."""
    site.bus = Bus(pubsub_address, site.name)
    try:
        with Function(log, site.environment) as function:
            site.function = function
            site.bus.push_to(function.url)
            yield
    finally:
        site.bus.close()


@pytest.fixture
def site(start_site: StartSite) -> Iterator[Site]:
    """Return a namespace in which the first version serves, with the function at work."""
    with start_site() as started:
        yield started
