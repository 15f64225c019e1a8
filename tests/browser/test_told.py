"""What the page says of the models without being asked: which failed and why, what one knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.app.api.server import Server
from tests.app.serving.model_folder import POINTER, Models
from tests.browser.conftest import draw_sample, running
from tests.browser.person import expect_result, move_slider, pick, pick_sample

pytestmark = pytest.mark.browser

ABOUT = "Knows red, green and blue, and no other colour."


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Server]:
    """Return a server of a model that says what it knows, and of three that failed."""
    folder = tmp_path_factory.mktemp("told")
    models = Models(folder / "models")
    models.add("street/1/street.h5")
    models.write("street/1/model.yaml", f"fallback: false\nabout: {ABOUT}")
    draw_sample(models.folder / "street" / "1" / "samples" / "discs.png")
    models.write("broken.h5", POINTER)
    models.write("harbour/3/weights.h5", "")
    models.write("verbose.h5", "nothing")
    models.write("verbose.yaml", f"kind: {'mask ' * 90}")
    yield from running(Server(folder, models.folder, root, DEFAULT_MODEL="street"))


@pytest.fixture
def page(open_page: Callable[..., Page], told: Server) -> Page:
    page = open_page(told.url)
    expect(page.locator("#state")).to_have_attribute("data-state", "ready")
    return page


def test_models_that_failed_are_told_with_their_reasons_without_hovering(page: Page):
    expect(page.locator("#state")).to_have_text("street is ready; 3 failed")
    expect(page.locator("#faults-title")).to_have_text("3 models failed")
    faults = page.locator("#faults li")
    expect(faults).to_have_count(3)
    expect(faults.nth(0)).to_have_text(
        "broken.h5: it is a Git LFS pointer, not the file itself; git lfs pull brings it"
    )
    expect(faults.nth(1)).to_have_text("harbour version 3: weights.h5 is empty: it has 0 bytes")
    expect(faults.nth(0)).to_be_visible()
    # The tooltip that said it before.
    assert page.locator("#state").get_attribute("title") is None


def test_a_long_reason_is_shortened_and_leads_to_all_of_it(page: Page, told: Server):
    fault = page.locator("#faults li").nth(2)
    expect(fault).to_contain_text("verbose.h5: kind is 'mask mask")
    text = fault.inner_text()
    assert text.endswith("…")
    assert len(text) < 300
    link = fault.locator("a")
    assert link.get_attribute("href") == "/models/verbose"
    (version,) = told.ask("/models/verbose").json()["versions"]
    assert "it must be one of" in version["error"]


def test_where_no_model_failed_nothing_is_told(open_page: Callable[..., Page], server: Server):
    page = open_page(server.url)
    expect(page.locator("#state")).to_have_text("street is ready")
    expect(page.locator("#faults")).to_be_hidden()


def test_what_the_model_knows_is_told_before_a_photo_is_dropped(page: Page):
    expect(page.locator("#about")).to_have_text(ABOUT)
    expect(page.locator("#about")).to_be_visible()


def test_who_answers_is_told_where_versions_share_the_requests(
    open_page: Callable[..., Page], tmp_path: Path, root: Path
):
    models = Models(tmp_path / "models")
    for version in (1, 2, 3):
        models.add(f"street/{version}/street.h5")
        models.write(f"street/{version}/model.yaml", f"about: It is version {version}.")
    models.write("street/versions.yaml", "serve: all\nsplit: {1: 90, 2: 10}\nshadow: 3")
    for server in running(Server(tmp_path, models.folder, root)):
        expect(open_page(server.url).locator("#about")).to_have_text(
            "It is version 1. Of requests to street version 1 answers 90 %, "
            "version 2 answers 10 %, version 3 gets a copy of each."
        )


def test_a_photo_on_which_nothing_is_found_is_told_what_the_model_knows(page: Page, tmp_path: Path):
    Image.new("RGB", (200, 100), (90, 90, 90)).save(tmp_path / "grey.png")
    pick(page, tmp_path / "grey.png")
    expect_result(page)
    expect(page.locator("#hidden-count")).to_have_text("Nothing was found in this picture.")
    expect(page.locator("#about-result")).to_have_text(ABOUT)
    expect(page.locator("#about-result")).to_be_visible()
    expect(page.locator("#about-found")).to_be_hidden()


def test_what_the_model_knows_stands_below_what_it_found(page: Page):
    pick_sample(page)
    expect(page.locator("#count")).to_have_text("2")
    expect(page.locator("#about-result")).to_be_hidden()
    expect(page.locator("#about-found")).to_have_text(ABOUT)
    move_slider(page, 1)
    expect(page.locator("#count")).to_have_text("0")
    expect(page.locator("#about-result")).to_have_text(ABOUT)
