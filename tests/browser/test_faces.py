"""The page of every face for everyone: keyboard, contrast, names, a narrow screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.app.api.server import Server
from tests.app.serving.model_folder import Models
from tests.browser import prices, shades
from tests.browser.conftest import PHONE, draw_sample
from tests.browser.kinds import own_kind, running_with
from tests.browser.looks import faint, nameless, outside_of_their_frame, overflow, too_small
from tests.browser.person import expect_answer, fill, pick_sample, predict

pytestmark = [pytest.mark.browser, pytest.mark.server]

LONG = "a-name-without-any-gap-" * 8


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Server]:
    """Return a server of a model that takes values, and of a classifier of pictures."""
    folder = tmp_path_factory.mktemp("faces")
    models = Models(folder / "models")
    models.write("house/1/house.prices", '{"prices": {}}')
    models.write("shade/1/shade.shades", f'{{"shades": {{"warnings": ["{LONG}"]}}}}')
    draw_sample(models.folder / "shade" / "1" / "samples" / "discs.png")
    kinds = {"prices": own_kind(prices), "shades": own_kind(shades)}
    yield from running_with(kinds, root, folder, models.folder, DEFAULT_MODEL="house")


@pytest.fixture
def page(open_page: Callable[..., Page], served: Server) -> Page:
    page = open_page(served.url)
    expect(page.locator("#values-title")).to_have_text("house")
    return page


@pytest.fixture
def phone(open_page: Callable[..., Page], served: Server) -> Page:
    page = open_page(served.url, **PHONE)
    expect(page.locator("#values-title")).to_have_text("house")
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_of_every_face_stands_out_from_its_ground(page: Page, discs: Path, scheme: str):
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    predict(page)
    assert faint(page) == []
    fill(page, discs, rooms="1001")
    predict(page)
    expect(page.locator("#refusal")).to_be_visible()
    assert faint(page) == []
    page.get_by_label("rooms").fill("4")
    predict(page)
    expect_answer(page)
    assert faint(page) == []
    page.get_by_role("combobox", name="Model").select_option("shade")
    pick_sample(page)
    assert faint(page) == []


def test_every_control_of_every_face_has_a_name(page: Page, discs: Path):
    fill(page, discs)
    predict(page)
    expect_answer(page)
    assert nameless(page) == []
    expect(page.get_by_role("list", name="buyer_probs")).to_be_visible()
    page.get_by_role("combobox", name="Model").select_option("shade")
    pick_sample(page)
    assert nameless(page) == []


def test_a_form_is_filled_in_and_sent_by_keys_alone(page: Page):
    page.get_by_role("combobox", name="Model").focus()
    reached = []
    for _ in range(10):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            """() => {
                const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
                const isRinged = outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
                const { labels, textContent } = document.activeElement;
                return [labels?.[0]?.textContent ?? textContent, isRinged];
            }"""
        )
        assert focused[1], focused
        reached.append(focused[0])
    names = [one["name"] for one in prices.INPUTS]
    assert [name for name in reached if name in (*names, "Predict", "Clear")] == [
        *names,
        "Predict",
        "Clear",
    ]


def test_a_phone_shows_every_face_without_scrolling_sideways(phone: Page, discs: Path):
    assert overflow(phone) == 0
    predict(phone)
    assert overflow(phone) == 0
    fill(phone, discs, note=LONG)
    predict(phone)
    expect_answer(phone)
    expect(phone.get_by_role("heading", name="4 outputs")).to_be_in_viewport()
    assert overflow(phone) == 0
    assert outside_of_their_frame(phone) == []
    assert too_small(phone) == []
    phone.get_by_role("combobox", name="Model").select_option("shade")
    pick_sample(phone)
    assert overflow(phone) == 0
    phone.set_viewport_size({"width": 320, "height": 640})
    assert overflow(phone) == 0
    assert outside_of_their_frame(phone) == []
    assert too_small(phone) == []


def test_names_of_any_length_stay_inside_the_form(phone: Page, served: Server):
    models = served.ask("/models").json()["models"]
    (house,) = (model for model in models if model["name"] == "house")
    inputs = [{**one, "name": f"{LONG}{one['name']}"} for one in prices.INPUTS]
    house["signatures"]["serving_default"]["inputs"] = inputs
    phone.route("**/models", lambda route: route.fulfill(json={"models": models}))
    phone.reload()
    expect(phone.locator("#inputs .name").first).to_have_text(f"{LONG}area")
    assert overflow(phone) == 0
    assert outside_of_their_frame(phone) == []
