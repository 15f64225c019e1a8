"""One instance singled out: by mouse, finger or keys, on the picture or in the list."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from pycocotools import mask as coco

from tests.browser.answers import answer_of
from tests.browser.person import (
    colour_at,
    expect_result,
    lit,
    pick,
    pick_sample,
    pinned,
    place_on_picture,
    point_at,
    touch,
)

pytestmark = pytest.mark.browser

WHOLE = "1\N{MULTIPLICATION SIGN}"
RED, GREEN, NOTHING = (80 / 320, 90 / 240), (220 / 320, 80 / 240), (160 / 320, 140 / 240)


def test_pointing_at_an_instance_or_its_row_singles_it_out_in_both(page: Page):
    pick_sample(page)
    plain = colour_at(page, *GREEN)
    point_at(page, *RED)
    expect(lit(page)).to_have_text("red")
    # It shows the photo's own colour; everything else is dimmed.
    assert colour_at(page, *RED) == [250, 0, 0]
    assert sum(colour_at(page, *GREEN)) < 0.8 * sum(plain)
    page.locator("#instances li").nth(1).hover()
    expect(lit(page)).to_have_text("green")
    assert colour_at(page, *GREEN) == [0, 210, 0]
    page.mouse.move(5, 5)
    expect(lit(page)).to_have_count(0)
    assert colour_at(page, *GREEN) == plain


def test_pointing_beside_an_instance_inside_its_box_singles_nothing_out(page: Page):
    pick_sample(page)
    point_at(page, *RED)
    expect(lit(page)).to_have_text("red")
    point_at(page, 24 / 320, 34 / 240)
    expect(lit(page)).to_have_count(0)


def test_the_hole_of_a_ring_is_not_the_ring(page: Page, ring: Path):
    pick(page, ring)
    expect_result(page)
    point_at(page, 50 / 280, 140 / 280)
    expect(lit(page)).to_have_text("red")
    point_at(page, 105 / 280, 140 / 280)
    expect(lit(page)).to_have_count(0)
    point_at(page, 140 / 280, 140 / 280)
    expect(lit(page)).to_have_text("green")


def test_a_click_keeps_an_instance_singled_out_and_escape_lets_it_go(page: Page):
    pick_sample(page)
    page.mouse.click(*place_on_picture(page, *RED))
    page.mouse.move(5, 5)
    expect(pinned(page)).to_have_text("red")
    expect(lit(page)).to_have_text("red")
    page.keyboard.press("Escape")
    expect(pinned(page)).to_have_count(0)
    expect(lit(page)).to_have_count(0)


def test_a_click_on_no_instance_lets_go_too(page: Page):
    pick_sample(page)
    page.mouse.click(*place_on_picture(page, *RED))
    expect(pinned(page)).to_have_text("red")
    page.mouse.click(*place_on_picture(page, *NOTHING))
    expect(pinned(page)).to_have_count(0)


def test_a_tap_singles_out_what_it_meets(phone: Page):
    pick_sample(phone)
    touch(phone, [place_on_picture(phone, *GREEN)])
    expect(pinned(phone)).to_have_text("green")
    touch(phone, [place_on_picture(phone, *RED)])
    expect(pinned(phone)).to_have_text("red")
    touch(phone, [place_on_picture(phone, *NOTHING)])
    expect(pinned(phone)).to_have_count(0)


def test_a_tap_on_a_row_singles_it_out(phone: Page):
    pick_sample(phone)
    row = phone.locator("#instances li").nth(1)
    row.tap()
    expect(pinned(phone)).to_have_text("green")


def test_the_list_is_walked_with_arrow_keys(page: Page):
    pick_sample(page)
    page.locator("#threshold").fill("0.3")
    page.locator("#show-labels").focus()
    page.keyboard.press("Tab")
    expect(page.locator("#instances")).to_be_focused()
    expect(pinned(page)).to_have_text("red")
    page.keyboard.press("ArrowDown")
    expect(pinned(page)).to_have_text("green")
    page.keyboard.press("End")
    expect(pinned(page)).to_have_text("blue")
    page.keyboard.press("ArrowDown")
    expect(pinned(page)).to_have_text("blue")
    page.keyboard.press("ArrowUp")
    expect(pinned(page)).to_have_text("green")
    page.keyboard.press("Home")
    expect(pinned(page)).to_have_text("red")
    active = page.locator("#instances").get_attribute("aria-activedescendant")
    expect(page.locator(f"#{active} .label")).to_have_text("red")
    page.keyboard.press("Escape")
    expect(lit(page)).to_have_count(0)
    page.keyboard.press("Enter")
    expect(pinned(page)).to_have_text("red")


def test_the_picture_is_walked_with_arrow_keys_and_says_what_is_singled_out(page: Page):
    pick_sample(page)
    page.locator("#canvas").focus()
    page.keyboard.press("ArrowRight")
    expect(pinned(page)).to_have_text("red")
    expect(page.locator("#announcer")).to_have_text("red, score 0.98")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#announcer")).to_have_text("green, score 0.82")
    page.keyboard.press("ArrowLeft")
    expect(pinned(page)).to_have_text("red")


def test_keys_come_closer_and_back(page: Page):
    pick_sample(page)
    whole = colour_at(page, 0.02, 0.02)
    page.locator("#canvas").focus()
    for _ in range(4):
        page.keyboard.press("+")
    expect(page.locator("#zoom-level")).not_to_have_text(WHOLE)
    # What is singled out comes into sight.
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("0")
    expect(page.locator("#zoom-level")).to_have_text(WHOLE)
    page.keyboard.press("Escape")
    assert colour_at(page, 0.02, 0.02) == whole


def test_closer_the_pointer_still_finds_what_is_under_it(page: Page):
    pick_sample(page)
    x, y = place_on_picture(page, *GREEN)
    page.mouse.move(x, y)
    page.keyboard.down("Control")
    for _ in range(3):
        page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    expect(page.locator("#zoom-level")).not_to_have_text(WHOLE)
    page.mouse.move(x + 1, y)
    expect(lit(page)).to_have_text("green")
    # Far from the middle at first sight, now the disc is there.
    page.mouse.move(x + 60, y)
    expect(lit(page)).to_have_text("green")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 150, y, steps=5)
    page.mouse.up()
    page.mouse.move(x - 149, y)
    expect(lit(page)).to_have_text("green")


def test_a_plain_wheel_scrolls_the_page_and_not_the_picture(page: Page):
    pick_sample(page)
    point_at(page, *GREEN)
    page.mouse.wheel(0, 200)
    expect(page.locator("#zoom-level")).to_have_text(WHOLE)


def test_two_fingers_come_closer(phone: Page):
    pick_sample(phone)
    x, y = place_on_picture(phone, 0.5, 0.5)
    touch(
        phone,
        [(x - 20, y), (x - 50, y), (x - 90, y)],
        [(x + 20, y), (x + 50, y), (x + 90, y)],
    )
    expect(phone.locator("#zoom-level")).not_to_have_text(WHOLE)
    expect(pinned(phone)).to_have_count(0)


def test_on_a_phone_a_tap_on_plus_comes_closer_and_fit_goes_back(phone: Page):
    pick_sample(phone)
    whole = colour_at(phone, 0.02, 0.02)
    phone.get_by_role("button", name="Zoom in").tap()
    expect(phone.locator("#zoom-level")).not_to_have_text(WHOLE)
    phone.get_by_role("button", name="Zoom in").tap()
    phone.get_by_role("button", name="Fit").tap()
    expect(phone.locator("#zoom-level")).to_have_text(WHOLE)
    assert colour_at(phone, 0.02, 0.02) == whole


def test_closer_a_row_brings_its_instance_into_sight(page: Page):
    pick_sample(page)
    page.mouse.move(*place_on_picture(page, 0.95, 0.5))
    page.keyboard.down("Control")
    for _ in range(4):
        page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    expect(page.locator("#zoom-in")).to_have_attribute("aria-disabled", "true")
    page.locator("#instances li").first.hover()
    expect(lit(page)).to_have_text("red")
    assert colour_at(page, 0.5, 0.5) == [250, 0, 0]


def test_where_instances_overlap_the_smallest_is_found(page: Page):
    answer = answer_of([(10, 10, 200, 200), (60, 60, 40, 40), (20, 20, 120, 120)], 320, 240)
    page.route("**/predict?*", lambda route: route.fulfill(json=answer))
    pick_sample(page)
    for x, label in ((80, "box 1"), (30, "box 2"), (180, "box 0")):
        point_at(page, x / 320, 80 / 240)
        expect(lit(page)).to_have_text(label)
    # And it is the one on top.
    page.mouse.move(5, 5)
    assert colour_at(page, 80 / 320, 80 / 240) != colour_at(page, 110 / 320, 80 / 240)


def test_a_mask_is_read_as_pycocotools_writes_it(page: Page):
    generator = np.random.default_rng(7)
    bitmap = np.zeros((37, 53), np.uint8, order="F")
    bitmap[5:30, 9:41] = generator.integers(0, 2, (25, 32))
    bitmap[0:37, 20] = 1
    rle = coco.encode(bitmap)
    mask = {"size": [37, 53], "counts": rle["counts"].decode()}
    box = {"x_min": 4, "y_min": 0, "x_max": 45, "y_max": 37}
    pixels, raster = page.evaluate(
        """async ([mask, box]) => {
            const { Mask, rasterise } = await import("/static/masks.js");
            const read = new Mask(mask);
            const pixels = [];
            for (let y = 0; y < 37; y++) for (let x = 0; x < 53; x++) pixels.push(read.has(x, y));
            const frame = { x: 0, y: 0, scale: 1, width: 53, height: 37 };
            const raster = rasterise({ mask, box }, frame, 0);
            return [pixels, { ...raster, bits: [...raster.bits] }];
        }""",
        [mask, box],
    )
    assert np.array_equal(np.array(pixels).reshape(37, 53), bitmap)
    assert (raster["left"], raster["top"]) == (4, 0)
    columns = np.array(raster["bits"]).reshape(41, 37)
    assert np.array_equal(columns.T, bitmap[:, 4:45])
