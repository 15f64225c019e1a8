"""What the tests share: a cluster, a Pub/Sub, the function between them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests import parts
from tests.cloud_function.border import Answer, BuildApi, Request
from tests.cloud_function.images import Images, compiled, one_at_a_time
from tests.cloud_function.samples import REPOSITORY
from tests.cluster.gate import Gate
from tests.cluster.site import Site
from tests.cluster.stage import Stage
from tests.image.containers import ImageTool, build_context

#: Files that take longest, of all that need a cluster, the longest first.
_LONGEST = (
    "test_cluster",
    "test_bad_models",
    "test_init_containers",
    "test_others",
    "test_outages",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what takes longest begin first, so that no worker ends long after the others."""
    last = len(_LONGEST)
    ranks = {name: rank for rank, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.stem, last))


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Images:
    """Return the small server's program and the registry that the cluster pulls from."""
    address = parts.registry_of_cluster()
    for program in ("go", "kubectl"):
        parts.command(program, "it has to be on the PATH")
    return compiled(tmp_path_factory.mktemp("server"), address)


@pytest.fixture(scope="session")
def model_image(root: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the digest of the project's own image, built of the checkout and pushed."""
    folder = tmp_path_factory.mktemp("image")
    tool = ImageTool(parts.image_tool(), tmp_path_factory.mktemp("image-tool"))
    tag = f"cluster-{os.getpid()}"
    there = f"{parts.registry_of_cluster()}/{REPOSITORY.partition('/')[2]}:{tag}"
    # Of two that end a build of the same contents at once, one takes away the other's name.
    with one_at_a_time("build"):
        tool.build(f"slipway:{tag}", build_context(root, folder / "context"))
        return tool.ask("push", f"slipway:{tag}", there).strip().rpartition("@")[2]


@pytest.fixture(scope="session")
def pubsub_address() -> str:
    """Return where Pub/Sub is: a fake or an emulator that pushes."""
    return parts.told_by("PUBSUB_EMULATOR_HOST", "a Pub/Sub that pushes")


@dataclass
class PatchyBuildApi(BuildApi):
    """Cloud Build's API, down for some builds."""

    down_for: set[str] = field(default_factory=set)

    def answer(self, request: Request) -> Answer:
        if request.path.rpartition("/")[2] in self.down_for:
            return 503, {"error": {"message": "try again later"}}
        return super().answer(request)


@pytest.fixture
def build_api() -> PatchyBuildApi:
    """Return the builds that Cloud Build's API knows."""
    return PatchyBuildApi()


@pytest.fixture
def gate() -> Iterator[Gate]:
    """Return a way to the API server that can be closed."""
    with Gate() as opened:
        yield opened


@pytest.fixture
def start_site(
    images: Images, pubsub_address: str, build_api: PatchyBuildApi, tmp_path: Path
) -> Stage:
    """Return how all is set up, for tests that want it otherwise: `with start_site(…) as site:`."""
    return Stage(images, pubsub_address, build_api, tmp_path)


@pytest.fixture
def site(start_site: Stage) -> Iterator[Site]:
    """Return a namespace in which the first version serves, with the function at work."""
    with start_site() as started:
        yield started
