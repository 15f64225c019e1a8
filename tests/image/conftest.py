"""What the image's tests share: the image, built once, and containers that end with their test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.image.containers import BuiltImage, Container, ImageTool


@pytest.fixture(scope="session")
def image_tool(tmp_path_factory: pytest.TempPathFactory) -> ImageTool:
    """Return the command that builds and runs images."""
    found = shutil.which(os.environ.get("SLIPWAY_IMAGE_TOOL") or "/nowhere/image")
    if found is None:
        reason = "a tool that builds images is not here; SLIPWAY_IMAGE_TOOL says where"
        if os.environ.get("CI") == "true" or os.environ.get("SLIPWAY_NO_SKIP") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return ImageTool(found, tmp_path_factory.mktemp("image-tool"))


@pytest.fixture(scope="session")
def context(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of what the image is made of, free to be changed."""
    folder = tmp_path_factory.mktemp("context")
    for name in ("Dockerfile", ".dockerignore", "requirements.txt", "uwsgi.ini", "LICENSE"):
        shutil.copy2(root / name, folder)
    for room in ("app", "mrcnn", "models"):
        shutil.copytree(root / room, folder / room)
    return folder


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
