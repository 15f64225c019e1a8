"""The kind of docs/kinds.md: one file, one line, and its models are served, from file to page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.app.api.server import Server
from tests.app.serving.model_folder import Models
from tests.browser.conftest import draw_sample
from tests.browser.kinds import document_kind, running_with
from tests.browser.person import expect_result, pick_sample

pytestmark = [pytest.mark.browser, pytest.mark.server]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Server]:
    """Return a server to which the page's two blocks were added."""
    folder = tmp_path_factory.mktemp("kind")
    models = Models(folder / "models")
    models.write("sun/1/sun.square", '{"brightest_square": 16}')
    models.write("moon/1/moon.square", '{"brightest_square": "large"}')
    draw_sample(models.folder / "sun" / "1" / "samples" / "discs.png")
    kinds = {"brightest": document_kind(root)}
    yield from running_with(kinds, root, folder, models.folder, DEFAULT_MODEL="sun")


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
