"""The page for a model that says what a picture shows: its likeliest classes as bars."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.app.api.server import Server
from tests.app.serving.model_folder import Models
from tests.browser import shades
from tests.browser.conftest import draw_sample
from tests.browser.kinds import document_kind, own_kind, running_with
from tests.browser.person import (
    colour_at,
    drop_files,
    expect_result,
    expect_states,
    hold_predictions,
    pick,
    pick_sample,
    run_in_shell,
    thumbs,
    wait_for_held,
)

pytestmark = [pytest.mark.browser, pytest.mark.server]

TIMES = "\N{MULTIPLICATION SIGN}"
WARNING = "pixels are from 0 to 1"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Server]:
    """Return a server of a classifier, and of a model that finds instances."""
    folder = tmp_path_factory.mktemp("classes")
    models = Models(folder / "models")
    models.write("shade/1/shade.shades", json.dumps({"shades": {"warnings": [WARNING]}}))
    models.write("sun/1/sun.square", '{"brightest_square": 16}')
    for model, sample in (("shade", "discs"), ("sun", "sky")):
        draw_sample(models.folder / model / "1" / "samples" / f"{sample}.png")
    kinds = {"shades": own_kind(shades), "brightest": document_kind(root)}
    yield from running_with(kinds, root, folder, models.folder, DEFAULT_MODEL="shade")


@pytest.fixture
def page(open_page: Callable[..., Page], served: Server) -> Page:
    page = open_page(served.url)
    expect(page.locator("#state")).to_have_attribute("data-state", "ready")
    return page


@pytest.fixture
def grey(tmp_path: Path) -> Path:
    """Return a picture as bright as `bright`."""
    path = tmp_path / "grey wall.png"
    Image.new("L", (120, 80), 170).save(path)
    return path


def labels(page: Page) -> list[str]:
    return page.locator("#ranking .label").all_inner_texts()


def test_a_dropped_picture_is_shown_plain_with_its_classes_the_likeliest_first(
    page: Page, grey: Path
):
    drop_files(page, grey)
    expect_result(page)
    expect(page.locator("#best")).to_have_text("bright")
    assert labels(page) == ["bright", "dark", "white", "black"]
    expect(page.locator("#ranking .score")).to_have_text(["90.0 %", "6.0 %", "3.0 %", "1.0 %"])
    expect(thumbs(page).locator(".status")).to_have_text("bright, 90.0 %")
    assert colour_at(page, 0.3, 0.3) == [170, 170, 170]
    expect(page.locator("#facts")).to_contain_text("shade, version 1")
    expect(page.locator("#facts")).to_contain_text(f"120 {TIMES} 80")


def test_a_bar_is_as_long_as_its_score(page: Page, grey: Path):
    pick(page, grey)
    expect_result(page)
    shares = page.locator("#ranking li").evaluate_all(
        "(rows) => rows.map((row) => Number(row.style.getPropertyValue('--share')))"
    )
    assert shares == [0.9, 0.06, 0.03, 0.01]


def test_nothing_of_instances_is_offered_for_classes(page: Page):
    expect(page.locator("#invitation")).not_to_contain_text("instance", use_inner_text=True)
    pick_sample(page)
    for place in ("#count", "#threshold", "#classes", "#show-masks", "#instances"):
        expect(page.locator(place)).to_be_hidden()
    page.locator("#canvas").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#announcer")).to_have_text("discs.png: black, 90.0 %")
    description = page.locator("#canvas-help")
    assert "instance" not in description.inner_text()


def test_what_was_assumed_of_the_model_stands_with_its_facts(page: Page):
    pick_sample(page)
    expect(page.locator("#facts .assumed")).to_have_text(WARNING)


def test_classes_are_read_without_eyes(page: Page, grey: Path):
    pick(page, grey)
    expect_result(page)
    expect(page.locator("#announcer")).to_have_text("grey wall.png: bright, 90.0 %")
    expect(page.locator("#canvas")).to_have_attribute("aria-label", "grey wall.png: bright, 90.0 %")
    expect(page.get_by_role("list", name="Classes").get_by_role("listitem")).to_have_count(4)


def test_a_small_picture_is_enlarged_pixel_by_pixel(page: Page, tmp_path: Path):
    image = Image.new("L", (16, 16))
    image.putpixel((3, 5), 255)
    image.save(tmp_path / "dot.png")
    pick(page, tmp_path / "dot.png")
    expect_result(page)
    box = page.locator("#canvas").bounding_box()
    assert box is not None
    assert box["width"] == 320
    # Up to its rim the one pixel is white, and black beyond.
    assert colour_at(page, 3.1 / 16, 5.1 / 16) == [255, 255, 255]
    assert colour_at(page, 2.9 / 16, 5.5 / 16) == [0, 0, 0]


def test_the_copied_line_asks_a_classifier_the_same(page: Page, grey: Path):
    pick(page, grey)
    expect_result(page)
    answer = run_in_shell(page.locator("#curl").inner_text(), grey.parent)
    assert [one["label"] for one in answer["predictions"]] == labels(page)


def test_the_saved_json_of_classes_is_the_servers_answer(
    page: Page, served: Server, grey: Path, tmp_path: Path
):
    pick(page, grey)
    expect_result(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save JSON").click()
    download.value.save_as(tmp_path / "saved.json")
    saved = json.loads((tmp_path / "saved.json").read_text())
    answered = served.predict(grey.read_bytes()).json()
    assert set(saved) == set(answered)
    assert saved["predictions"] == answered["predictions"]


def test_the_saved_picture_of_classes_is_as_the_server_draws_it(
    page: Page, served: Server, grey: Path, tmp_path: Path
):
    pick(page, grey)
    expect_result(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save PNG").click()
    assert download.value.suggested_filename == "grey wall-classes.png"
    download.value.save_as(tmp_path / "saved.png")
    drawn = served.predict(grey.read_bytes(), "?format=png").body
    assert (tmp_path / "saved.png").read_bytes() == drawn


def test_a_picture_that_the_server_does_not_draw_is_told(page: Page, grey: Path):
    pick(page, grey)
    expect_result(page)
    problem = {"title": "The server has more to do than it can", "detail": "come again"}
    page.route("**/predict?*", lambda route: route.fulfill(status=429, json=problem))
    page.get_by_role("button", name="Save PNG").click()
    expect(page.locator("#notice")).to_have_text("grey wall.png was not saved: Come again.")
    expect(page.locator("#save-picture")).to_be_enabled()


def test_another_model_swaps_bars_for_instances_and_back(page: Page, grey: Path):
    pick(page, grey)
    expect_result(page)
    expect(page.locator("#ranking")).to_be_visible()
    page.get_by_role("combobox", name="Model").select_option("sun")
    expect(page.locator("#count")).to_have_text("0")
    expect(page.locator("#ranking")).to_be_hidden()
    page.locator("#threshold").fill("0.5")
    expect(page.locator("#instances li:visible .label")).to_have_text(["brightest"])
    expect(page.locator("#canvas")).to_have_attribute(
        "aria-label", "grey wall.png: 1 instance. brightest: 1"
    )
    page.get_by_role("combobox", name="Model").select_option("shade")
    expect(page.locator("#best")).to_have_text("bright")
    expect(page.locator("#instances")).to_be_hidden()
    assert colour_at(page, 0.05, 0.1) == [170, 170, 170]


def test_photos_of_both_faces_stand_in_one_strip(page: Page, grey: Path, discs: Path):
    pick(page, grey)
    expect_result(page)
    page.get_by_role("combobox", name="Model").select_option("sun")
    pick(page, discs)
    thumbs(page).first.locator(".thumb").click()
    page.get_by_role("combobox", name="Model").select_option("shade")
    expect_states(page, "done", "done")
    expect(thumbs(page).locator(".status")).to_have_text(["bright, 90.0 %", "0 instances"])
    expect(page.locator("#best")).to_have_text("bright")
    thumbs(page).nth(1).locator(".thumb").click()
    expect(page.get_by_role("combobox", name="Model")).to_have_value("sun")
    expect(page.locator("#count")).to_be_visible()
    expect(page.locator("#best")).to_be_hidden()


def test_a_classifier_is_asked_for_no_more_than_it_knows(page: Page, grey: Path):
    held = hold_predictions(page)
    pick(page, grey)
    wait_for_held(page, held, 1)
    assert held[0].request.url.endswith("/predict?model=shade")
    held[0].continue_()
    expect_result(page)


def test_the_samples_are_those_of_the_chosen_model(page: Page):
    offered = page.locator("#samples button:visible")
    expect(offered).to_have_count(1)
    expect(page.get_by_role("button", name="Sample discs")).to_be_visible()
    page.get_by_role("combobox", name="Model").select_option("sun")
    expect(offered).to_have_count(1)
    page.get_by_role("button", name="Sample sky").click()
    expect_result(page)
    expect(page.locator("#facts")).to_contain_text("sun, version 1")
