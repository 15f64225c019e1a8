"""The page for a model that gives pixels classes: they lie over the picture, with a bar each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.app.api.server import Server
from tests.app.kinds.onnx.test_onnx_segmenters import LABELS, OPTIONS, PIXELS, strongest
from tests.app.serving.model_folder import Models
from tests.browser.kinds import document_kind, running_with
from tests.browser.person import colour_at, expect_result, pick, run_in_shell, thumbs

pytestmark = [pytest.mark.browser, pytest.mark.server]

WORDS = "field.png: 3 classes. background, 50.0 %. tree, 25.0 %. sky, 25.0 %"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Server]:
    """Return a server of a model that segments, and of one that finds instances."""
    folder = tmp_path_factory.mktemp("segments")
    models = Models(folder / "models")
    strongest(models.write("land/1/model.yaml", OPTIONS).with_name("land.onnx"))
    models.write("land/1/labels.txt", "\n".join(LABELS))
    models.write("sun/1/sun.square", '{"brightest_square": 16}')
    kinds = {"brightest": document_kind(root)}
    yield from running_with(kinds, root, folder, models.folder, DEFAULT_MODEL="land")


@pytest.fixture
def page(open_page: Callable[..., Page], served: Server) -> Page:
    page = open_page(served.url)
    expect(page.locator("#state")).to_have_attribute("data-state", "ready")
    return page


@pytest.fixture
def field(tmp_path: Path) -> Path:
    """Return a picture of 120 x 80 pixels: a red half, a green quarter and a blue one."""
    path = tmp_path / "field.png"
    Image.fromarray(np.kron(PIXELS, np.ones((20, 20, 1), np.uint8))).save(path)
    return path


def test_the_classes_are_listed_with_their_shares_the_largest_first(page: Page, field: Path):
    pick(page, field)
    expect_result(page)
    expect(page.locator("#segments-count")).to_have_text("3 classes")
    bars = page.get_by_role("list", name="Classes of pixels")
    expect(bars.locator(".label")).to_have_text([*LABELS])
    expect(bars.locator(".score")).to_have_text(["50.0 %", "25.0 %", "25.0 %"])
    expect(thumbs(page).locator(".status")).to_have_text("3 classes")
    expect(page.locator("#canvas")).to_have_attribute("aria-label", WORDS)
    expect(page.locator("#announcer")).to_have_text(WORDS)
    for place in ("#count", "#threshold", "#instances", "#ranking"):
        expect(page.locator(place)).to_be_hidden()


def test_each_class_is_tinted_in_the_colour_of_its_bar_but_the_background(page: Page, field: Path):
    pick(page, field)
    expect_result(page)
    assert colour_at(page, 0.25, 0.5) == [255, 0, 0]
    tree, sky = colour_at(page, 0.75, 0.25), colour_at(page, 0.75, 0.75)
    assert tree != [0, 255, 0]
    assert sky != [0, 0, 255]
    colours = page.locator("#segments li").evaluate_all(
        "(rows) => rows.map((row) => row.style.getPropertyValue('--colour'))"
    )
    assert len(set(colours)) == 3


def test_the_saved_picture_and_json_are_the_servers(
    page: Page, served: Server, field: Path, tmp_path: Path
):
    pick(page, field)
    expect_result(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save PNG").click()
    assert download.value.suggested_filename == "field-segments.png"
    download.value.save_as(tmp_path / "saved.png")
    drawn = served.predict(field.read_bytes(), "?format=png").body
    assert (tmp_path / "saved.png").read_bytes() == drawn
    with page.expect_download() as download:
        page.get_by_role("button", name="Save JSON").click()
    download.value.save_as(tmp_path / "saved.json")
    saved = json.loads((tmp_path / "saved.json").read_text())
    assert saved["segments"] == served.predict(field.read_bytes()).json()["segments"]


def test_the_copied_line_asks_the_same(page: Page, field: Path):
    pick(page, field)
    expect_result(page)
    answer = run_in_shell(page.locator("#curl").inner_text(), field.parent)
    assert [one["label"] for one in answer["segments"]] == [*LABELS]


def test_pointing_at_the_picture_and_another_model_do_not_disturb(page: Page, field: Path):
    pick(page, field)
    expect_result(page)
    page.locator("#canvas").hover()
    page.locator("#canvas").click()
    page.keyboard.press("ArrowRight")
    page.get_by_role("combobox", name="Model").select_option("sun")
    expect(page.locator("#count")).to_be_visible()
    expect(page.locator("#segments")).to_be_hidden()
    page.get_by_role("combobox", name="Model").select_option("land")
    expect(page.locator("#segments-count")).to_have_text("3 classes")
