"""A real Chromium on the page of a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, sync_playwright

from tests.app.api.server import Server
from tests.app.serving.model_folder import Models

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def draw_sample(path: Path) -> None:
    """Draw a red disc of score 0.98, a green one of 0.82 and a dim blue one of 0.53."""
    image = Image.new("RGB", (320, 240))
    draw = ImageDraw.Draw(image)
    draw.ellipse((20, 30, 139, 149), fill=(250, 0, 0))
    draw.ellipse((180, 40, 259, 119), fill=(0, 210, 0))
    draw.ellipse((120, 160, 179, 219), fill=(0, 0, 135))
    path.parent.mkdir(parents=True)
    image.save(path)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Server]:
    """Return a server with one model and one sample."""
    folder = tmp_path_factory.mktemp("page")
    models = Models(folder / "models")
    models.add("street/1/street.h5")
    draw_sample(models.folder / "street" / "1" / "samples" / "discs.png")
    server = Server(folder, models.folder, root)
    server.wait_until_ready()
    yield server
    server.end()


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """Return the page, open; a script error or a request to another host fails the test."""
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((server.url, "blob:", "data:"))
            else faults.append(request.url)
        ),
    )
    page.goto(server.url)
    yield page
    page.close()
    assert faults == []


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Return a photo of another size than the sample's, on its side by its EXIF orientation."""
    pixels = np.zeros((300, 200, 3), np.uint8)
    pixels[60:160, 40:140, 0] = 230
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "red.jpg"
    stored = Image.fromarray(pixels).transpose(Image.Transpose.ROTATE_90)
    stored.save(path, exif=exif, quality=95, subsampling=0)
    return path
