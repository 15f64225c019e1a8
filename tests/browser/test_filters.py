"""Threshold and classes: what is shown of an answer, without asking again."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.person import colour_at, move_slider, pick_sample, point_at

pytestmark = pytest.mark.browser

RED = (80 / 320, 90 / 240)


def chip(page: Page, label: str) -> Locator:
    return page.locator("#classes .chip").filter(has=page.locator(f"input[value={label}]"))


def box(page: Page, label: str) -> Locator:
    return page.get_by_role("checkbox", name=label)


def test_the_slider_filters_without_another_request(page: Page):
    pick_sample(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    move_slider(page, 0.9)
    expect(page.locator("#count")).to_have_text("1")
    expect(page.locator("#threshold-value")).to_have_text("0.90")
    move_slider(page, 0.3)
    expect(page.locator("#count")).to_have_text("3")
    move_slider(page, 1)
    expect(page.locator("#count")).to_have_text("0")
    assert [url for url in asked if "/predict" in url] == []


def test_every_class_has_its_count_above_the_threshold(page: Page):
    pick_sample(page)
    counts = {"red": "1", "green": "1", "blue": "0"}
    for label, count in counts.items():
        expect(chip(page, label).locator(".count")).to_have_text(count)
    move_slider(page, 0.3)
    expect(chip(page, "blue").locator(".count")).to_have_text("1")
    move_slider(page, 0.9)
    expect(chip(page, "green").locator(".count")).to_have_text("0")


def test_a_class_that_is_not_ticked_is_shown_nowhere(page: Page):
    pick_sample(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    box(page, "red").uncheck()
    expect(page.locator("#instances li:visible .label")).to_have_text(["green"])
    expect(page.locator("#count")).to_have_text("1")
    expect(page.locator("#hidden-count")).to_contain_text("1 of classes not ticked")
    expect(page.locator("#photos .status")).to_have_text("1 instance")
    assert colour_at(page, *RED) == [250, 0, 0]
    point_at(page, *RED)
    expect(page.locator("#instances li.lit")).to_have_count(0)
    # Its count is still told: it says what a tick would bring back.
    expect(chip(page, "red").locator(".count")).to_have_text("1")
    box(page, "red").check()
    expect(page.locator("#count")).to_have_text("2")
    assert [url for url in asked if "/predict" in url] == []


def test_all_classes_are_ticked_or_unticked_at_once(page: Page):
    pick_sample(page)
    page.get_by_role("button", name="None").click()
    expect(page.locator("#count")).to_have_text("0")
    expect(box(page, "green")).not_to_be_checked()
    page.get_by_role("button", name="All").click()
    expect(page.locator("#count")).to_have_text("2")


def test_threshold_and_classes_hold_for_the_next_photo_too(page: Page, photo: Path):
    pick_sample(page)
    box(page, "red").uncheck()
    page.set_input_files("#file", photo)
    expect(page.locator("#photos li")).to_have_count(2)
    expect(page.locator("#facts")).to_contain_text("200")
    expect(page.locator("#count")).to_have_text("0")
    expect(box(page, "red")).not_to_be_checked()


def test_classes_are_ticked_with_the_keyboard(page: Page):
    pick_sample(page)
    box(page, "red").focus()
    page.keyboard.press("Space")
    expect(page.locator("#count")).to_have_text("1")


def test_a_change_of_the_filter_is_announced(page: Page):
    pick_sample(page)
    expect(page.locator("#announcer")).to_have_text("discs.png: 2 instances. red: 1, green: 1")
    move_slider(page, 0.9)
    expect(page.locator("#announcer")).to_have_text("discs.png: 1 instance. red: 1")
