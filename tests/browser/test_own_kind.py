"""The kind of docs/kinds.md: one file, one line, and its models are served, from file to page."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.app.api.server import Server
from tests.app.serving.model_folder import Models
from tests.browser.conftest import draw_sample, running
from tests.browser.person import expect_result, pick_sample

pytestmark = [pytest.mark.browser, pytest.mark.server]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Server]:
    """Return a server as README starts it, of a copy to which the page's two blocks were added."""
    folder = tmp_path_factory.mktemp("kind")
    copy = folder / "slipway"
    for room in ("app", "mrcnn"):
        shutil.copytree(root / room, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("nginx.conf", "uwsgi.ini"):
        shutil.copy(root / name, copy)
    page = (root / "docs" / "kinds.md").read_text()
    kind, line = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (copy / "app" / "kinds" / "brightest.py").write_text(kind)
    registry = copy / "app" / "kinds" / "registry.py"
    registry.write_text(registry.read_text().replace("LISTED = {\n", f"LISTED = {{\n{line}"))
    models = Models(folder / "models")
    models.write("sun/1/sun.square", '{"brightest_square": 16}')
    models.write("moon/1/moon.square", '{"brightest_square": "large"}')
    draw_sample(models.folder / "sun" / "1" / "samples" / "discs.png")
    command = (sys.executable, "-m", "app.cli", "serve")
    yield from running(Server(folder, models.folder, copy, *command, DEFAULT_MODEL="sun"))


def test_a_kind_of_ones_own_is_a_file_and_a_line(
    server: Server, open_page: Callable[..., Page], tmp_path: Path
):
    draw_sample(tmp_path / "discs.png")
    (found,) = server.predict((tmp_path / "discs.png").read_bytes()).json()["instances"]
    assert (found["label"], found["area"]) == ("brightest", 256)
    moon, sun = server.ask("/models").json()["models"]
    assert (sun["kind"], sun["state"], sun["side"]) == ("brightest", "ready", 16)
    assert "brightest_square is 'large'; a whole number from 1 on is allowed" in moon["error"]
    page = open_page(server.url)
    pick_sample(page)
    expect_result(page)
    expect(page.locator("#instances li .label")).to_have_text(["brightest"])
