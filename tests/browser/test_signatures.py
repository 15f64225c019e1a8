"""The page for a model of values with several signatures: a person chooses which one is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.app.api import arithmetic
from tests.app.api.server import Server
from tests.app.serving.model_folder import Models
from tests.browser.kinds import own_kind, running_with
from tests.browser.person import (
    expect_answer,
    hold_predictions,
    predict,
    run_in_shell,
    wait_for_held,
)

pytestmark = [pytest.mark.browser, pytest.mark.server]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Server]:
    """Return a server of a model with three signatures, and of one with a single one."""
    folder = tmp_path_factory.mktemp("signatures")
    models = Models(folder / "models")
    models.write("half/1/half.arithmetic", '{"arithmetic": "half_plus_two"}')
    models.write("sums/1/sums.arithmetic", '{"arithmetic": "whole"}')
    kinds = {"arithmetic": own_kind(arithmetic)}
    yield from running_with(kinds, root, folder, models.folder, DEFAULT_MODEL="half")


@pytest.fixture
def page(open_page: Callable[..., Page], served: Server) -> Page:
    page = open_page(served.url)
    expect(page.locator("#values-title")).to_have_text("half")
    return page


def choose(page: Page, signature: str) -> None:
    page.get_by_role("combobox", name="Signature").select_option(signature)


def field(page: Page, name: str):
    return page.locator("#inputs").get_by_label(name, exact=True)


def test_the_usual_signature_is_offered_first_and_asked_without_its_name(page: Page):
    offered = page.get_by_role("combobox", name="Signature").locator("option")
    expect(offered).to_have_text(["serving_default", "classify", "length"])
    held = hold_predictions(page)
    field(page, "x").fill("3")
    predict(page)
    wait_for_held(page, held, 1)
    assert held[0].request.url.endswith("/predict?model=half")
    held[0].continue_()
    expect_answer(page)
    expect(page.locator("#outputs tbody")).to_contain_text("3.5")


def test_the_form_and_the_answer_follow_the_signature_that_is_chosen(page: Page):
    choose(page, "length")
    expect(page.locator("#inputs .name")).to_have_text(["inputs"])
    field(page, "inputs").fill("seven")
    held = hold_predictions(page)
    predict(page)
    wait_for_held(page, held, 1)
    assert held[0].request.url.endswith("/predict?model=half&signature=length")
    held[0].continue_()
    expect_answer(page)
    expect(page.locator("#outputs tbody")).to_contain_text("5")
    choose(page, "classify")
    expect(page.locator("#inputs .name")).to_have_text(["x"])
    expect(page.locator("#values-panel")).to_have_attribute("data-view", "empty")
    # What was filled in, and its answer, are still there.
    choose(page, "length")
    expect(field(page, "inputs")).to_have_value("seven")
    expect(page.locator("#outputs tbody")).to_contain_text("5")


def test_the_copied_line_asks_the_same_signature(page: Page, tmp_path: Path):
    choose(page, "length")
    field(page, "inputs").fill("four")
    answer = run_in_shell(page.locator("#curl").inner_text(), tmp_path)
    assert answer["predictions"][0]["outputs"] == {"outputs": [4]}


def test_clear_keeps_the_signature(page: Page):
    choose(page, "length")
    field(page, "inputs").fill("four")
    page.get_by_role("button", name="Clear").click()
    expect(field(page, "inputs")).to_have_value("")
    expect(page.get_by_role("combobox", name="Signature")).to_have_value("length")


def test_a_model_with_one_signature_offers_no_choice_and_another_keeps_its_own(page: Page):
    choose(page, "classify")
    page.get_by_role("combobox", name="Model").select_option("sums")
    expect(page.locator("#signature-field")).to_be_hidden()
    expect(page.locator("#inputs .name")).to_have_text(["matrix"])
    page.get_by_role("combobox", name="Model").select_option("half")
    expect(page.get_by_role("combobox", name="Signature")).to_have_value("classify")
