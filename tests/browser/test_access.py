"""The page for everyone: keyboard, screen reader, contrast, motion, a narrow screen."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.looks import faint, nameless, outside_of_their_frame, overflow, too_small
from tests.browser.person import (
    expect_result,
    expect_states,
    hold_predictions,
    pick,
    pick_sample,
    wait_for_held,
)

pytestmark = pytest.mark.browser

# Of what has the focus: what it is called, and whether a ring around it or its chip is drawn.
_FOCUSED = """
() => {
  const element = document.activeElement;
  const ringed = [element, element.closest(".chip") ?? element].some((part) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(part);
    return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
  });
  const name = element.id || element.getAttribute("aria-label") || element.textContent.trim();
  return { name: name || element.value || element.title, ringed };
}
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_its_ground(page: Page, scheme: str, tmp_path: Path):
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    assert faint(page) == []
    pick_sample(page)
    page.locator("#instances li").first.click()
    assert faint(page) == []
    notes = tmp_path / "notes.txt"
    notes.write_text("hello")
    pick(page, notes)
    expect_states(page, "done", "failed")
    assert faint(page) == []
    held = hold_predictions(page)
    pick(page, notes)
    wait_for_held(page, held, 1)
    assert faint(page) == []


def test_dark_and_light_are_different(page: Page):
    ground = "() => getComputedStyle(document.documentElement).backgroundColor"
    page.emulate_media(color_scheme="light")
    light = page.evaluate(ground)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(ground) != light


def test_labels_on_the_picture_can_be_read_on_every_colour(page: Page):
    worst = page.evaluate(
        """async () => {
            const { colour, ink } = await import("/static/colours.js");
            const channel = (value) => {
                const share = value / 255;
                return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
            };
            const luminance = ([red, green, blue]) =>
                0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
            const ratios = Array.from({ length: 500 }, (_, index) => {
                const ground = luminance(colour(index));
                const text = ink(colour(index)) === "#000" ? 0 : 1;
                return (Math.max(ground, text) + 0.05) / (Math.min(ground, text) + 0.05);
            });
            return Math.min(...ratios);
        }"""
    )
    assert worst >= 4.5


def test_everything_is_reached_by_tab_in_order_and_the_focus_is_seen(page: Page):
    pick_sample(page)
    page.locator(".brand").focus()
    names = []
    while len(names) < 60:
        page.keyboard.press("Tab")
        focused = page.evaluate(_FOCUSED)
        if focused["name"] in names or page.evaluate("() => document.activeElement.tagName") in (
            "BODY",
            "HTML",
        ):
            break
        assert focused["ringed"], focused["name"]
        names.append(focused["name"])
    controls = [
        "canvas",
        "zoom-in",
        "add",
        "Remove discs.png",
        "save-picture",
        "save-json",
        "threshold",
        "classes-all",
        "show-masks",
        "instances",
        "copy",
        "Models",
    ]
    assert [name for name in names if name in controls] == controls
    assert len([name for name in names if name in ("red", "green", "blue", "on")]) >= 1


def test_a_sample_is_picked_and_read_without_a_mouse(page: Page):
    page.locator("#samples button").first.focus()
    page.keyboard.press("Enter")
    expect_result(page)
    expect(page.locator("#announcer")).to_have_text("discs.png: 2 instances. red: 1, green: 1")
    expect(page.locator("#canvas")).to_have_attribute(
        "aria-label", "discs.png: 3 instances. red: 1, green: 1, blue: 1"
    )


def test_every_control_and_picture_has_a_name(page: Page, photo: Path):
    pick_sample(page)
    pick(page, photo)
    expect_states(page, "done", "done")
    assert nameless(page) == []
    for image in page.locator("img").all():
        assert image.get_attribute("alt") is not None
    assert page.locator("#announcer").get_attribute("aria-live") == "polite"
    expect(page.get_by_role("listbox", name="Instances")).to_be_visible()
    expect(page.get_by_role("option", name="red").first).to_be_visible()
    expect(page.get_by_role("slider", name="Least score")).to_be_visible()


def test_nothing_moves_for_those_who_asked_for_calm(page: Page, discs: Path):
    moving = """
        () => [...document.querySelectorAll("*")].flatMap((element) => [
            getComputedStyle(element).animationName,
            getComputedStyle(element, "::before").animationName,
        ]).filter((name) => name !== "none")
    """
    held = hold_predictions(page)
    pick(page, discs)
    wait_for_held(page, held, 1)
    page.locator("#busy-progress").evaluate("(bar) => bar.removeAttribute('value')")
    assert page.evaluate(moving) != []
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(moving) == []
    held[0].continue_()
    expect_result(page)


def test_a_phone_shows_everything_without_scrolling_sideways(
    phone: Page, discs_again: list[Path], tmp_path: Path
):
    assert overflow(phone) == 0
    pick_sample(phone)
    assert overflow(phone) == 0
    long = tmp_path / f"{'a-very-long-name-' * 8}.txt"
    long.write_text("hello")
    pick(phone, *discs_again, long)
    expect_states(phone, *["done"] * 6, "failed")
    assert overflow(phone) == 0
    phone.locator("#photos .thumb").last.tap()
    expect(phone.locator("#failure-title")).to_be_visible()
    assert overflow(phone) == 0
    phone.locator("#photos .thumb").first.tap()
    canvas = phone.locator("#canvas").bounding_box()
    assert canvas is not None
    assert canvas["x"] >= 0
    assert canvas["x"] + canvas["width"] <= 360
    # Nor in half a desktop's window at a zoom of 200 %.
    phone.set_viewport_size({"width": 320, "height": 640})
    assert overflow(phone) == 0
    assert outside_of_their_frame(phone) == []


def test_fingers_find_controls_of_a_fingers_size(phone: Page):
    pick_sample(phone)
    assert too_small(phone) == []
