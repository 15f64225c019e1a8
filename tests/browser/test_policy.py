"""The page's policy: it loads its own files, talks to its own server, and runs no text as code.

Every other test holds to it too: `open_page` fails one in which the policy is broken or another
host is asked.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.app.api.server import Server
from tests.browser.person import expect_result, move_slider, pick, pick_sample

pytestmark = pytest.mark.browser

PROVOCATIONS = {
    "an inline script": (
        "require-trusted-types-for",
        """() => {
            const script = document.createElement("script");
            const text = document.createTextNode("window.ran = true");
            script.append(text);
            document.body.append(script);
        }""",
    ),
    "an inline style": (
        "style-src",
        """() => {
            const style = document.createElement("style");
            style.append(document.createTextNode("body { display: none }"));
            document.head.append(style);
        }""",
    ),
    "another host": ("connect-src", "() => fetch('http://photos.lan/').catch(() => null)"),
    "another host's picture": (
        "img-src",
        "() => { new Image().src = 'http://photos.lan/a.png'; }",
    ),
    "text as markup": (
        "require-trusted-types-for",
        "() => { try { document.body.innerHTML = ''; } catch {} }",
    ),
    "a frame": (
        "frame-src",
        """() => {
            const frame = document.createElement("iframe");
            frame.src = "/healthz";
            document.body.append(frame);
        }""",
    ),
}


@pytest.mark.parametrize("name", PROVOCATIONS)
def test_the_browser_refuses_and_tells(browser: Browser, server: Server, name: str):
    directive, provocation = PROVOCATIONS[name]
    context = browser.new_context()
    page = context.new_page()
    page.goto(server.url)
    page.evaluate(
        """() => {
            window.broken = new Promise((tell) => {
                const told = (event) => tell(event.violatedDirective);
                document.addEventListener("securitypolicyviolation", told);
            });
        }"""
    )
    page.evaluate(provocation)
    assert page.evaluate("() => window.broken").startswith(directive)
    assert page.evaluate("() => window.ran") is None
    context.close()


def test_nobody_can_frame_the_page(browser: Browser, server: Server):
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{server.url}/healthz")
    page.evaluate(
        """() => new Promise((done) => {
            const frame = document.createElement("iframe");
            frame.addEventListener("load", done);
            frame.src = "/";
            document.body.append(frame);
        })"""
    )
    frame = page.frames[1]
    assert frame.locator("#board").count() == 0
    context.close()


def test_all_that_a_person_does_asks_this_server_alone(page: Page, server: Server, photo: Path):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    expect(page.locator("#state")).to_have_text("street is ready")
    pick_sample(page)
    pick(page, photo)
    expect_result(page)
    move_slider(page, 0.3)
    page.locator("#instances li").first.click()
    for name in ("Save PNG", "Save JSON"):
        with page.expect_download():
            page.get_by_role("button", name=name).click()
    page.get_by_role("button", name="Copy").click()
    expect(page.locator("#copy")).to_have_text("Copied")
    page.get_by_role("button", name="Remove red.jpg").click()
    expect_result(page)
    others = [url for url in asked if not url.startswith((server.url, f"blob:{server.url}"))]
    assert others == []
    assert any("/predict" in url for url in asked)
