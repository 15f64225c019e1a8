"""The page as a person uses it: a sample, a photo, the slider, and what goes wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from pycocotools import mask as coco

from tests.app.api.server import Server

pytestmark = pytest.mark.browser


def pick_sample(page: Page) -> None:
    page.locator("#samples button").first.click()
    expect(page.locator("#board")).to_have_attribute("data-view", "result")


def move_slider(page: Page, value: float) -> None:
    page.locator("#threshold").fill(str(value))


def colour_at(page: Page, x: float, y: float) -> list[int]:
    """Return the canvas's colour at a place given as shares of its size."""
    return page.evaluate(
        """([x, y]) => {
            const canvas = document.getElementById("canvas");
            const at = [Math.floor(x * canvas.width), Math.floor(y * canvas.height)];
            return [...canvas.getContext("2d").getImageData(...at, 1, 1).data].slice(0, 3);
        }""",
        [x, y],
    )


def drop(page: Page, name: str, content: str, media_type: str) -> None:
    """Drop a file onto the page."""
    transfer = page.evaluate_handle(
        """([name, content, type]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([content], name, {type}));
            return transfer;
        }""",
        [name, content, media_type],
    )
    page.dispatch_event("#board", "drop", {"dataTransfer": transfer})


def test_a_sample_is_shown_with_its_instances(page: Page):
    expect(page.locator("#state")).to_have_text("street is ready")
    pick_sample(page)
    expect(page.locator("#count")).to_have_text("2")
    expect(page.locator("#hidden-count")).to_have_text("1 more with a lower score")
    expect(page.locator("#instances .label")).to_have_text(["red", "green"])
    expect(page.locator("#facts")).to_contain_text("street, version 1")
    expect(page.locator("#facts")).to_contain_text("320 \N{MULTIPLICATION SIGN} 240")


def test_masks_lie_where_the_instances_are(page: Page):
    pick_sample(page)
    masked, corner, beside = (80, 90), (26, 36), (160, 140)
    colours = [colour_at(page, x / 320, y / 240) for x, y in (masked, corner, beside)]
    # Inside the red disc the mask's own colour is laid over it; in its box's corner it is not.
    assert colours[0][0] < 240
    assert max(colours[0][1:]) > 20
    assert max(colours[1]) < 20
    assert max(colours[2]) < 20
    page.locator("#show-masks").uncheck()
    assert colour_at(page, 80 / 320, 90 / 240)[0] > 240


def test_the_slider_filters_without_another_request(page: Page):
    pick_sample(page)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    move_slider(page, 0.9)
    expect(page.locator("#count")).to_have_text("1")
    move_slider(page, 0.3)
    expect(page.locator("#count")).to_have_text("3")
    move_slider(page, 1)
    expect(page.locator("#count")).to_have_text("0")
    assert [url for url in requests if "/predict" in url] == []


def test_pointing_at_an_instance_or_its_row_lights_both(page: Page):
    pick_sample(page)
    canvas = page.locator("#canvas").bounding_box()
    assert canvas is not None
    page.mouse.move(canvas["x"] + canvas["width"] * 0.25, canvas["y"] + canvas["height"] * 0.37)
    expect(page.locator("#instances li.lit .label")).to_have_text("red")
    page.locator("#instances li").nth(1).hover()
    expect(page.locator("#instances li.lit .label")).to_have_text("green")


def test_a_picked_photo_is_shown_upright(page: Page, photo: Path):
    page.set_input_files("#file", photo)
    expect(page.locator("#count")).to_have_text("1")
    expect(page.locator("#facts")).to_contain_text("200 \N{MULTIPLICATION SIGN} 300")
    page.locator("#show-masks").uncheck()
    assert colour_at(page, 90 / 200, 110 / 300)[0] > 200
    assert max(colour_at(page, 90 / 200, 250 / 300)) < 40


def test_a_dropped_text_file_is_refused_in_words(page: Page):
    drop(page, "notes.txt", "hello", "text/plain")
    notice = page.locator("#notice")
    expect(notice).to_be_visible()
    expect(notice).to_contain_text("notes.txt: The 5 bytes are no picture in a known format")
    expect(page.locator("#board")).to_have_attribute("data-view", "empty")


def test_after_a_refusal_the_last_result_stays_and_the_next_photo_works(page: Page, photo: Path):
    pick_sample(page)
    drop(page, "notes.txt", "hello", "text/plain")
    expect(page.locator("#notice")).to_be_visible()
    expect(page.locator("#count")).to_have_text("2")
    page.set_input_files("#file", photo)
    expect(page.locator("#count")).to_have_text("1")
    expect(page.locator("#notice")).to_be_hidden()


def test_while_the_model_is_loading_the_page_says_so_and_tries_again(page: Page):
    loading = {
        "status": 503,
        "headers": {"Retry-After": "1"},
        "json": {"detail": "street version 1 is loading", "status": 503},
    }
    page.route("**/predict?*", lambda route: route.fulfill(**loading))
    page.locator("#samples button").first.click()
    expect(page.locator("#busy")).to_contain_text("Street version 1 is loading. Trying again")
    page.unroute("**/predict?*")
    expect(page.locator("#count")).to_have_text("2")


def test_a_server_that_is_gone_is_told_in_words(page: Page):
    page.route("**/readyz", lambda route: route.abort())
    page.reload()
    expect(page.locator("#state")).to_have_text("Not ready")
    expect(page.locator("#prompt-hint")).to_have_text("The server does not answer.")


def test_the_page_fits_a_phone(page: Page, server: Server):
    page.set_viewport_size({"width": 360, "height": 740})
    pick_sample(page)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 360
    canvas = page.locator("#canvas").bounding_box()
    assert canvas is not None
    assert canvas["x"] >= 0
    assert canvas["x"] + canvas["width"] <= 360


def test_masks_decode_as_pycocotools_encodes_them(page: Page):
    generator = np.random.default_rng(7)
    bitmap = np.zeros((37, 53), np.uint8, order="F")
    bitmap[5:30, 9:41] = generator.integers(0, 2, (25, 32))
    bitmap[0:37, 20] = 1
    rle = coco.encode(bitmap)
    mask = {"size": [37, 53], "counts": rle["counts"].decode()}
    decoded = page.evaluate(
        """async (mask) => {
            const { maskInBox } = await import("/static/masks.js");
            const box = { x_min: 4, y_min: 0, x_max: 45, y_max: 37 };
            const { bits, width, height } = maskInBox(mask, box, 1);
            return [width, height, [...bits]];
        }""",
        mask,
    )
    assert decoded[:2] == [41, 37]
    assert np.array_equal(np.array(decoded[2]).reshape(37, 41), bitmap[:, 4:45])
