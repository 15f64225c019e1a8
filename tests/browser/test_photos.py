"""Several photos at once: their line, their progress, their results and their failures."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, Route, expect

from tests.app.api.server import Server
from tests.browser.person import (
    devtools,
    expect_result,
    expect_states,
    hold_predictions,
    pick,
    pick_sample,
    seen_states,
    thumbs,
    wait_for_held,
    watch_states,
)

pytestmark = pytest.mark.browser

BUSY = {
    "status": 503,
    "headers": {"Retry-After": "1"},
    "json": {"title": "The model is not ready", "detail": "street version 1 is loading"},
}


def chosen_model(page: Page) -> Locator:
    return page.get_by_role("combobox", name="Model")


def test_many_photos_are_sent_two_at_a_time_and_all_are_done(page: Page, discs_again: list[Path]):
    held = hold_predictions(page)
    pick(page, *discs_again)
    wait_for_held(page, held, 2)
    expect_states(page, "uploading", "uploading", "waiting", "waiting", "waiting")
    expect(thumbs(page).nth(2).locator(".status")).to_have_text("Waiting its turn")
    assert len(held) == 2
    held[0].continue_()
    wait_for_held(page, held, 3)
    expect_states(page, "done", "uploading", "uploading", "waiting", "waiting")
    assert len(held) == 3
    for number in range(1, 5):
        wait_for_held(page, held, number + 1)
        held[number].continue_()
    expect_states(page, *["done"] * 5)
    for index in range(5):
        expect(thumbs(page).nth(index).locator(".status")).to_have_text("2 instances")
        expect(thumbs(page).nth(index).locator("canvas")).to_be_visible()


def test_results_are_kept_and_looked_at_again_without_another_request(
    page: Page, discs: Path, photo: Path
):
    pick(page, discs, photo)
    expect_states(page, "done", "done")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    expect(page.locator("#count")).to_have_text("2")
    thumbs(page).nth(1).locator(".thumb").click()
    expect(page.locator("#count")).to_have_text("1")
    expect(thumbs(page).nth(1).locator(".thumb")).to_have_attribute("aria-current", "true")
    thumbs(page).nth(0).locator(".thumb").click()
    expect(page.locator("#count")).to_have_text("2")
    assert [url for url in asked if "/predict" in url] == []


def test_the_upload_is_shown_in_percent_and_then_the_model_looks(page: Page, tmp_path: Path):
    noise = np.random.default_rng(3).integers(0, 255, (260, 260, 3), np.uint8)
    large = tmp_path / "noise.png"
    Image.fromarray(noise).save(large)
    pick_sample(page)
    watch_states(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 150_000}
    devtools(page).send("Network.emulateNetworkConditions", slow)
    pick(page, large)
    expect_states(page, "done", "done")
    seen = seen_states(page)
    percents = [int(found[1]) for line in seen if (found := re.search(r"(\d+) %", line))]
    assert len(set(percents)) > 2
    assert percents == sorted(percents)
    states = list(dict.fromkeys(line.split(":")[0] for line in seen))
    assert [state for state in states if state != "waiting"][-3:] == [
        "uploading",
        "predicting",
        "done",
    ] or states.index("predicting") > states.index("uploading")


def test_the_photo_is_shown_while_it_is_on_its_way(page: Page, discs: Path):
    held = hold_predictions(page)
    pick(page, discs)
    wait_for_held(page, held, 1)
    expect(page.locator("#board")).to_have_attribute("data-view", "busy")
    expect(page.locator("#canvas")).to_be_visible()
    expect(page.locator("#busy-text")).to_contain_text("Uploading")
    expect(page.locator("#board")).to_have_attribute("aria-busy", "true")
    held[0].continue_()
    expect_result(page)
    expect(page.locator("#busy")).to_be_hidden()


def test_a_failed_photo_says_why_and_does_not_hold_up_the_others(
    page: Page, discs: Path, tmp_path: Path
):
    notes = tmp_path / "notes.txt"
    notes.write_text("hello")
    pick(page, notes, discs)
    expect_states(page, "failed", "done")
    expect(thumbs(page).first.locator(".status")).to_have_text(
        "Failed: The picture is in no known format"
    )
    expect(page.locator("#failure-title")).to_have_text(
        "notes.txt: The picture is in no known format"
    )
    expect(page.locator("#failure-detail")).to_contain_text("The 5 bytes are no picture")
    # Another try would end the same.
    expect(page.locator("#failure-retry")).to_be_hidden()
    page.locator("#failure-remove").click()
    expect_states(page, "done")
    expect_result(page)


def test_a_failed_photo_is_tried_again_at_a_press(page: Page, discs: Path):
    page.route("**/predict?*", lambda route: route.abort())
    pick(page, discs)
    expect_states(page, "failed")
    expect(page.locator("#failure-title")).to_contain_text("The server does not answer")
    expect(page.locator("#announcer")).to_contain_text("discs of mine.png failed")
    page.unroute("**/predict?*")
    page.locator("#failure-retry").click()
    expect_result(page)
    expect(page.locator("#count")).to_have_text("2")


def test_a_failed_photo_is_tried_again_from_the_strip_too(page: Page, discs: Path):
    page.route("**/predict?*", lambda route: route.abort())
    pick(page, discs)
    page.get_by_role("button", name="Try discs of mine.png again").wait_for()
    page.unroute("**/predict?*")
    page.get_by_role("button", name="Try discs of mine.png again").click()
    expect_result(page)


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_waited_for_and_it_is_said(page: Page, discs: Path, status: int):
    page.route("**/predict?*", lambda route: route.fulfill(**BUSY | {"status": status}))
    pick(page, discs)
    expect(page.locator("#busy-text")).to_have_text(
        "Street version 1 is loading. Trying again in 1 s, 1 of 5 times."
    )
    expect_states(page, "pausing")
    page.unroute("**/predict?*")
    expect_result(page)


def test_a_server_that_stays_busy_is_waited_for_five_times_only(
    open_page: Callable[..., Page], server: Server, discs: Path
):
    page = open_page(server.url, clock=True)
    expect(page.locator("#state")).to_have_text("street is ready")
    asked: list[Route] = []

    def refuse(route: Route) -> None:
        asked.append(route)
        route.fulfill(**BUSY | {"headers": {"Retry-After": "20"}})

    page.route("**/predict?*", refuse)
    pick(page, discs)
    for number in range(1, 6):
        expect(page.locator("#busy-text")).to_contain_text(f"in 20 s, {number} of 5 times")
        page.clock.fast_forward("00:21")
    expect_states(page, "failed")
    assert len(asked) == 6
    expect(page.locator("#failure-title")).to_contain_text("The model is not ready")
    expect(page.locator("#failure-retry")).to_be_visible()


def test_a_photo_can_be_removed_while_it_is_on_its_way(page: Page, discs: Path, photo: Path):
    held = hold_predictions(page)
    pick(page, discs)
    wait_for_held(page, held, 1)
    with page.expect_event("requestfailed", lambda request: "/predict" in request.url):
        page.get_by_role("button", name="Remove discs of mine.png").click()
    expect(page.locator("#photos-field")).to_be_hidden()
    expect(page.locator("#board")).to_have_attribute("data-view", "empty")
    page.unroute("**/predict?*")
    pick(page, photo)
    expect_result(page)


def test_the_strip_is_walked_with_arrow_keys_and_emptied_with_delete(
    page: Page, discs: Path, photo: Path
):
    pick(page, discs, photo)
    expect_states(page, "done", "done")
    thumbs(page).first.locator(".thumb").focus()
    page.keyboard.press("ArrowRight")
    expect(thumbs(page).nth(1).locator(".thumb")).to_be_focused()
    expect(page.locator("#count")).to_have_text("1")
    page.keyboard.press("Home")
    expect(page.locator("#count")).to_have_text("2")
    page.keyboard.press("Delete")
    expect(thumbs(page)).to_have_count(1)
    expect(thumbs(page).first.locator(".thumb")).to_be_focused()
    page.keyboard.press("Delete")
    expect(page.locator("#pick")).to_be_focused()


def test_without_a_choice_no_model_is_offered(page: Page):
    expect(page.locator("#model-field")).to_be_hidden()


def test_the_model_is_chosen_for_each_photo_and_each_answer_is_kept(
    open_page: Callable[..., Page], harbour: Server, discs: Path, photo: Path
):
    page = open_page(harbour.url)
    options = page.locator("#model option")
    expect(options).to_have_text(["harbour", "town"])
    pick(page, discs)
    expect(page.locator("#instances li:visible .label")).to_have_text(["red", "green"])
    expect(page.locator("#facts")).to_contain_text("harbour, version 1")
    chosen_model(page).select_option("town")
    expect(page.locator("#instances li:visible .label")).to_have_text(["brick", "ivy"])
    expect(page.locator("#curl")).to_contain_text("model=town")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    chosen_model(page).select_option("harbour")
    expect(page.locator("#instances li:visible .label")).to_have_text(["red", "green"])
    assert [url for url in asked if "/predict" in url] == []
    # The next photo is shown to the model chosen last; the first one keeps its own.
    chosen_model(page).select_option("town")
    pick(page, photo)
    expect(page.locator("#instances li:visible .label")).to_have_text(["brick"])
    chosen_model(page).select_option("harbour")
    expect(page.locator("#instances li:visible .label")).to_have_text(["red"])
    thumbs(page).first.locator(".thumb").click()
    expect(chosen_model(page)).to_have_value("town")


def test_a_sample_is_asked_with_the_model_that_it_lies_with(
    open_page: Callable[..., Page], harbour: Server
):
    page = open_page(harbour.url)
    expect(page.locator("#model option")).to_have_count(2)
    pick_sample(page)
    expect(chosen_model(page)).to_have_value("town")
    expect(page.locator("#facts")).to_contain_text("town, version 1")


def test_what_is_too_large_is_refused_before_it_is_uploaded(
    open_page: Callable[..., Page], harbour: Server, tmp_path: Path
):
    page = open_page(harbour.url)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    noise = np.random.default_rng(3).integers(0, 255, (200, 200, 3), np.uint8)
    heavy, wide = tmp_path / "heavy.png", tmp_path / "wide.png"
    Image.fromarray(noise).save(heavy)
    Image.new("RGB", (500, 400)).save(wide)
    pick(page, heavy, wide)
    expect_states(page, "failed", "failed")
    expect(page.locator("#failure-title")).to_have_text("heavy.png: The picture is too large")
    expect(page.locator("#failure-detail")).to_have_text(
        "It has 0.11 MB; the server takes at most 0.06 MB. It was not uploaded."
    )
    thumbs(page).nth(1).locator(".thumb").click()
    expect(page.locator("#failure-detail")).to_have_text(
        "It has 0.2 megapixels; the server takes at most 0.1 megapixels. It was not uploaded."
    )
    assert [url for url in asked if "/predict" in url] == []
