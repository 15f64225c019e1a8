"""What the image's tests share: the image, built once, and containers that end with their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import parts
from tests.image.containers import BuiltImage, Container, ImageTool, build_context


@pytest.fixture(scope="session")
def image_tool(tmp_path_factory: pytest.TempPathFactory) -> ImageTool:
    """Return the command that builds and runs images."""
    return ImageTool(parts.image_tool(), tmp_path_factory.mktemp("image-tool"))


@pytest.fixture(scope="session")
def context(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of what the image is made of, free to be changed."""
    return build_context(root, tmp_path_factory.mktemp("image") / "context")


@pytest.fixture(scope="session")
def image(image_tool: ImageTool, context: Path) -> BuiltImage:
    """Return the image, built from the checkout."""
    return image_tool.build("slipway:test", context)


@pytest.fixture(scope="module")
def run(image: BuiltImage) -> Iterator[Callable[..., Container]]:
    """Return a function that runs a container and waits until it is ready."""
    started: list[Container] = []

    def start(*options: str, command: tuple[str, ...] = ()) -> Container:
        started.append(Container(image, *options, command=command))
        started[-1].wait_until_ready()
        return started[-1]

    yield start
    for container in started:
        container.remove()
