"""The page as a person first uses it: a sample, a photo of one's own, the layers."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.person import colour_at, expect_result, pick, pick_sample

pytestmark = pytest.mark.browser

TIMES = "\N{MULTIPLICATION SIGN}"


def test_a_sample_is_shown_with_its_instances(page: Page):
    pick_sample(page)
    expect(page.locator("#count")).to_have_text("2")
    expect(page.locator("#hidden-count")).to_have_text("1 more with a lower score")
    expect(page.locator("#instances li:visible .label")).to_have_text(["red", "green"])
    expect(page.locator("#facts")).to_contain_text("street, version 1")
    expect(page.locator("#facts")).to_contain_text(f"320 {TIMES} 240")


def test_a_sample_picked_again_is_not_asked_again(page: Page):
    pick_sample(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    pick_sample(page)
    expect(page.locator("#photos li")).to_have_count(1)
    assert asked == []


def test_masks_lie_where_the_instances_are(page: Page):
    pick_sample(page)
    masked, corner, beside = (80, 90), (26, 36), (160, 140)
    colours = [colour_at(page, x / 320, y / 240) for x, y in (masked, corner, beside)]
    # Inside the red disc the mask's own colour is laid over it; in its box's corner it is not.
    assert colours[0][0] < 240
    assert max(colours[0][1:]) > 20
    assert max(colours[1]) < 20
    assert max(colours[2]) < 20


def test_masks_boxes_and_labels_can_each_be_left_out(page: Page):
    pick_sample(page)
    inside, on_box, on_label = (80, 90), (80, 30), (21, 25)
    page.locator("#show-masks").uncheck()
    assert colour_at(page, inside[0] / 320, inside[1] / 240)[0] > 240
    assert max(colour_at(page, on_label[0] / 320, on_label[1] / 240)) > 100
    page.locator("#show-labels").uncheck()
    assert max(colour_at(page, on_label[0] / 320, on_label[1] / 240)) < 20
    with_box = colour_at(page, on_box[0] / 320, (on_box[1] + 0.2) / 240)
    page.locator("#show-boxes").uncheck()
    assert colour_at(page, on_box[0] / 320, (on_box[1] + 0.2) / 240) != with_box


def test_a_picked_photo_is_shown_upright(page: Page, photo: Path):
    pick(page, photo)
    expect_result(page)
    expect(page.locator("#count")).to_have_text("1")
    expect(page.locator("#facts")).to_contain_text(f"200 {TIMES} 300")
    page.locator("#show-masks").uncheck()
    assert colour_at(page, 90 / 200, 110 / 300)[0] > 200
    assert max(colour_at(page, 90 / 200, 250 / 300)) < 40


def test_a_format_that_the_browser_cannot_show_still_has_its_instances_drawn(
    page: Page, discs: Path
):
    tiff = discs.with_suffix(".tiff")
    Image.open(discs).save(tiff)
    pick(page, tiff)
    expect_result(page)
    expect(page.locator("#count")).to_have_text("2")
    expect(page.locator("#notice")).to_contain_text("cannot show this format")
    red, beside = colour_at(page, 80 / 320, 90 / 240), colour_at(page, 160 / 320, 140 / 240)
    assert red != beside
