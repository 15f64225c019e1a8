"""The contract's page as a programmer uses it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.app.api.server import Server

pytestmark = pytest.mark.browser


@pytest.fixture
def docs(browser: Browser, server: Server) -> Iterator[Page]:
    """Return the page, open; a script error, a refusal by its policy or a stray request fails."""
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "console",
        # A refusal that a test asks for is not a fault of the page.
        lambda message: (
            None if message.text.startswith("Failed to load") else faults.append(message.text)
        ),
    )
    page.on(
        "request",
        lambda request: (
            None if request.url.startswith((server.url, "blob:")) else faults.append(request.url)
        ),
    )
    page.goto(f"{server.url}/docs")
    yield page
    page.close()
    assert faults == []


def test_lines_to_copy_name_this_server(docs: Page, server: Server):
    lines = docs.locator("#predict .snippets code")
    expect(lines.first).to_have_text(f"curl -F image=@photo.jpg {server.url}/predict")
    docs.locator("#predict .copy").first.click()
    expect(docs.locator("#predict .copy").first).to_have_text("Copied")


def test_a_request_can_be_tried_and_is_shown_as_a_shell_line(
    docs: Page, server: Server, photo: Path
):
    docs.locator("#predict .try > summary").click()
    docs.set_input_files("#predict-file", photo)
    docs.locator("#predict-min_score").fill("0.5")
    docs.locator("#predict-X-Request-Timeout").fill("30")
    line = f"curl -F image=@red.jpg -H 'X-Request-Timeout: 30' '{server.url}/predict?min_score=0.5'"
    expect(docs.locator("#predict .asked")).to_have_text(line)
    docs.locator("#predict .send button").click()
    expect(docs.locator("#predict output")).to_contain_text("200, ")
    expect(docs.locator("#predict .answered pre")).to_contain_text('"label": "red"')
    docs.locator("#predict-format").select_option("png")
    docs.locator("#predict .send button").click()
    picture = docs.locator("#predict .answered img")
    expect(picture).to_have_js_property("naturalWidth", 200)


def test_parameters_are_asked_for_by_a_browser_that_cannot_count_them(docs: Page, server: Server):
    # Before 2023 browsers had no URLSearchParams.size.
    docs.add_init_script("delete URLSearchParams.prototype.size")
    docs.reload()
    docs.locator("#predict .try > summary").click()
    docs.locator("#predict-min_score").fill("0.5")
    expect(docs.locator("#predict .asked")).to_contain_text(f"{server.url}/predict?min_score=0.5")


def test_a_refusal_is_shown_as_it_comes(docs: Page):
    docs.locator("#show_model .try > summary").click()
    docs.locator("#show_model-name").fill("strete")
    docs.locator("#show_model .send button").click()
    expect(docs.locator("#show_model output")).to_contain_text("404, ")
    expect(docs.locator("#show_model .answered")).to_contain_text("/problems/model-not-found")


def test_a_link_to_a_problem_opens_it(docs: Page):
    docs.locator("#predict .refusals > summary").click()
    docs.locator("#predict .refusals a", has_text="image-too-large").click()
    expect(docs.locator("#problem-image-too-large pre")).to_be_visible()


@pytest.mark.parametrize("width", [320, 360, 768])
def test_the_page_fits_narrow_screens(docs: Page, width: int):
    docs.set_viewport_size({"width": width, "height": 740})
    docs.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    assert docs.locator("#problem-invalid-parameter pre").is_visible()
    assert docs.evaluate("document.documentElement.scrollWidth") <= width
