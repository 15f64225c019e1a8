"""Makes the picture of the page that the README shows, from a server that runs.

python tests/browser/screenshot.py http://127.0.0.1:8080 docs/images/page.png [SAMPLE]
"""

from __future__ import annotations

import os
import sys

from playwright.sync_api import expect, sync_playwright


def main(url: str, target: str, sample: str = "0") -> None:
    """Pick the sample of a number on the page at `url` and write what a person sees to `target`."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
            args=["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"],
        )
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        page.goto(url)
        page.locator("#samples button").nth(int(sample)).click()
        expect(page.locator("#board")).to_have_attribute("data-view", "result", timeout=60_000)
        page.locator("footer").hover()
        page.screenshot(path=target, full_page=True)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
