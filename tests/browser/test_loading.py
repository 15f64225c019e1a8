"""How the page comes, and what it says where a part of it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.app.api.server import Server
from tests.browser.person import devtools, wait_for_held

pytestmark = pytest.mark.browser

WORDS = "The page has not loaded: a part of it has not come. Reload it"
HTML, SCRIPT = "text/html", "text/javascript"


def hurry(page: Page) -> None:
    """Let the styles' time pass forty times as fast: what they do after seconds, they do now."""
    session = devtools(page)
    session.send("Animation.enable")
    session.send("Animation.setPlaybackRate", {"playbackRate": 40})


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Return a function that makes a page whose scripts may fail."""
    pages: list[Page] = []

    def new_page(**options: Any) -> Page:
        pages.append(browser.new_page(**options))
        return pages[-1]

    yield new_page
    for page in pages:
        page.close()


def expect_reload(page: Page, server: Server) -> None:
    """Expect that the page says how to go on, and nothing else of how it is, and that it helps."""
    expect(page.get_by_role("alert")).to_have_text(WORDS)
    expect(page.locator("#state")).to_be_hidden()
    page.get_by_role("link", name="Reload it").click()
    expect(page.locator("#state")).to_have_text("street is ready")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_script_that_does_not_come_is_told_within_seconds_and_that_reloading_helps(
    open_page: Callable[..., Page], server: Server
):
    def lose(page: Page) -> None:
        page.route("**/static/masks.js", lambda route: route.abort(), times=1)

    page = open_page(server.url, before=lose)
    expect(page.locator("#state")).to_have_text("Connecting")
    expect(page.get_by_role("alert")).to_have_text(WORDS, timeout=15_000)
    expect_reload(page, server)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        pytest.param("page.js", {"status": 404, "body": "gone"}, id="missing"),
        pytest.param("words.js", {"status": 404, "body": "gone"}, id="missing-import"),
        pytest.param("words.js", {"body": "<p>log in</p>", "content_type": HTML}, id="markup"),
        pytest.param("page.js", {"body": "listen(", "content_type": SCRIPT}, id="cut-off"),
        pytest.param(
            "words.js", {"body": "export {}", "content_type": SCRIPT}, id="of-another-time"
        ),
        pytest.param("page.js", {"body": "throw 0", "content_type": SCRIPT}, id="broken"),
    ],
)
def test_a_script_of_any_place_that_cannot_be_run_is_told(
    new_page: Callable[..., Page], server: Server, name: str, answer: dict[str, Any]
):
    page = new_page()
    hurry(page)
    page.route(f"**/static/{name}", lambda route: route.fulfill(**answer), times=1)
    page.goto(server.url)
    expect_reload(page, server)


def test_a_script_that_is_waited_for_in_vain_is_told(new_page: Callable[..., Page], server: Server):
    page = new_page()
    hurry(page)
    held: list[Route] = []
    page.route("**/static/strip.js", lambda route: held.append(route), times=1)
    page.goto(server.url, wait_until="commit")
    # Where the machine is busy the page's word may come before its scripts were asked for.
    wait_for_held(page, held, 1)
    expect_reload(page, server)


def test_a_page_that_comes_late_takes_its_word_back(new_page: Callable[..., Page], server: Server):
    page = new_page()
    hurry(page)
    held: list[Route] = []
    page.route("**/static/strip.js", lambda route: held.append(route))
    page.goto(server.url, wait_until="commit")
    expect(page.get_by_role("alert")).to_have_text(WORDS)
    wait_for_held(page, held, 1)
    held[0].continue_()
    expect(page.locator("#state")).to_have_text("street is ready")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_without_styles_it_is_told_too(new_page: Callable[..., Page], server: Server):
    page = new_page()
    page.route("**/static/**", lambda route: route.abort())
    page.goto(server.url)
    expect(page.get_by_role("alert")).to_have_text(WORDS)
    page.unroute_all()
    page.get_by_role("link", name="Reload it").click()
    expect(page.locator("#state")).to_have_text("street is ready")


def test_who_wants_no_motion_is_told_too(new_page: Callable[..., Page], server: Server):
    page = new_page(reduced_motion="reduce")
    hurry(page)
    page.route("**/static/page.js", lambda route: route.abort(), times=1)
    page.goto(server.url)
    expect_reload(page, server)


def test_a_page_that_has_come_does_not_say_otherwise(new_page: Callable[..., Page], server: Server):
    page = new_page()
    hurry(page)
    page.route("**/readyz", lambda route: None)
    page.goto(server.url)
    page.wait_for_timeout(400)
    expect(page.locator("#state")).to_have_text("Connecting")
    expect(page.locator("#state")).to_be_visible()
    expect(page.get_by_role("alert")).to_be_hidden()


def test_who_has_no_javascript_is_told_of_that_alone(new_page: Callable[..., Page], server: Server):
    page = new_page(java_script_enabled=False)
    hurry(page)
    page.goto(server.url)
    page.wait_for_timeout(400)
    expect(page.locator("noscript p")).to_contain_text("This page needs JavaScript")
    expect(page.get_by_role("alert")).to_be_hidden()
