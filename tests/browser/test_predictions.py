"""The page of the prediction log: rows come by themselves, are opened, and are told the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.app.api.server import Server
from tests.app.serving.model_folder import Models
from tests.browser.conftest import draw_sample, running

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def log_server(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Server]:
    """Return a server whose log may be read."""
    folder = tmp_path_factory.mktemp("log")
    models = Models(folder / "models")
    models.add("street/1/street.h5")
    yield from running(Server(folder, models.folder, root, PREDICTIONS="open"))


@pytest.fixture
def picture(tmp_path: Path) -> bytes:
    """Return a picture with a red disc, a green and a blue one."""
    draw_sample(tmp_path / "discs.png")
    return (tmp_path / "discs.png").read_bytes()


def test_what_is_predicted_comes_onto_the_page_and_is_told_whether_it_was_right(
    open_page: Callable[..., Page], log_server: Server, picture: bytes
):
    page = open_page(log_server.url)
    page.get_by_role("link", name="Predictions").click()
    rows = page.locator("#rows tr")
    expect(page.locator("#nothing")).to_contain_text("Nothing was predicted yet")
    answer = log_server.predict(picture).json()
    expect(rows).to_have_count(3)
    expect(rows.nth(2)).to_contain_text("red")
    expect(page.locator("#rate-words")).to_contain_text("1, a bar")
    expect(page.locator("#scores-chart rect")).to_have_count(20)

    rows.nth(0).get_by_role("button").click()
    expect(page.locator("#one-title")).to_have_text(answer["prediction_id"])
    expect(page.locator("#one-found li")).to_have_count(3)
    page.get_by_role("button", name="Right").click()
    expect(page.locator("#truth-answer")).to_have_text("It is kept: the prediction agrees.")
    expect(rows.locator("td.yes")).to_have_count(3)
    page.get_by_label("No, it is").fill("red, green")
    page.get_by_role("button", name="Tell").click()
    expect(rows.locator("td.no")).to_have_count(3)
    expect(page.locator("#agreement-legend")).to_have_text("street 1: 0 % of 1")
    page.get_by_label("No, it is").fill("rde")
    page.get_by_role("button", name="Tell").click()
    expect(page.locator("#truth-answer")).to_contain_text("no label of the model")

    page.get_by_label("Label", exact=True).fill("green")
    page.get_by_label("Label", exact=True).press("Enter")
    expect(rows).to_have_count(1)
    page.get_by_role("button", name="Clear").click()
    expect(rows).to_have_count(3)
    log_server.predict(picture)
    expect(rows).to_have_count(6)


def test_a_log_that_is_closed_says_on_the_page_how_it_is_opened(
    open_page: Callable[..., Page], server: Server
):
    page = open_page(server.url)
    page.get_by_role("link", name="Predictions").click()
    expect(page.locator("#log-notice")).to_contain_text("PREDICTIONS is 'closed'")
