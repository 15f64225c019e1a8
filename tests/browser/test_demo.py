"""The page with the model that ships, as whoever tries it first meets it.

Which instances it finds is the model's business and changes with it: nothing here counts on one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.app.api.server import Server
from tests.browser.conftest import running
from tests.browser.person import expect_result, expect_states, lit, move_slider, pick

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Server]:
    """Return the real server with the models that ship."""
    folder = tmp_path_factory.mktemp("demo")
    yield from running(
        Server(folder, root / "models", root, sys.executable, "-m", "app.cli", "serve")
    )


@pytest.fixture
def page(open_page: Callable[..., Page], demo: Server) -> Page:
    page = open_page(demo.url)
    expect(page.locator("#state")).to_have_attribute("data-state", "ready")
    return page


def test_every_sample_shows_instances(page: Page):
    samples = page.locator("#samples button")
    expect(samples.first).to_be_visible()
    for index in range(samples.count()):
        samples.nth(index).click()
        expect(page.locator("#photos li")).to_have_count(index + 1)
        expect_result(page)
        expect(page.locator("#instances li").first).to_be_attached()
    expect(page.locator("#photos li[data-state=done]")).to_have_count(samples.count())


def test_the_slider_starts_where_the_model_draws_the_line(page: Page, demo: Server):
    (model,) = demo.ask("/models/shapes").json()["versions"]
    own = model["min_score"]
    least = model["config"]["DETECTION_MIN_CONFIDENCE"] if own is None else own
    expect(page.locator("#threshold-value")).to_have_text(f"{least:.2f}")


def test_the_page_shows_what_the_server_answers(page: Page, demo: Server, root: Path):
    sample = sorted((root / "models/shapes/1/samples").iterdir())[0]
    pick(page, sample)
    expect_result(page)
    move_slider(page, 0.5)
    answered = demo.predict(sample.read_bytes(), "?min_score=0.5").json()["instances"]
    expect(page.locator("#count")).to_have_text(str(len(answered)))
    labels = [instance["label"] for instance in answered]
    expect(page.locator("#instances li:visible .label")).to_have_text(labels)
    for label in sorted(set(labels)):
        chip = page.locator("#classes .chip").filter(has=page.locator(f"input[value={label}]"))
        expect(chip.locator(".count")).to_have_text(str(labels.count(label)))


def test_every_instance_is_found_under_its_own_pixels(page: Page, demo: Server, root: Path):
    sample = sorted((root / "models/shapes/1/samples").iterdir())[0]
    pick(page, sample)
    expect_result(page)
    rows = page.locator("#instances li:visible")
    for index in range(rows.count()):
        rows.nth(index).hover()
        expect(lit(page)).to_have_count(1)
        assert rows.nth(index).get_attribute("class") == "lit"


def test_whoever_drops_a_photograph_on_the_demo_is_told_that_it_knows_none(
    page: Page, tmp_path: Path
):
    told = "The demo model knows ten drawn shapes, as in the samples, and no photographs."
    expect(page.locator("#about")).to_contain_text(told)
    expect(page.locator("#about")).to_be_visible()
    Image.radial_gradient("L").resize((640, 480)).save(tmp_path / "sky.jpg")
    pick(page, tmp_path / "sky.jpg")
    expect_result(page)
    move_slider(page, 1)
    expect(page.locator("#count")).to_have_text("0")
    expect(page.locator("#about-result")).to_contain_text(told)


def test_all_samples_at_once_are_done(page: Page, root: Path):
    samples = sorted((root / "models/shapes/1/samples").iterdir())
    pick(page, *samples)
    expect_states(page, *["done"] * len(samples))
