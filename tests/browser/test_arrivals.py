"""How pictures come onto the page: dropped, pasted, picked."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.person import drop_files, expect_result, expect_states, thumbs

pytestmark = pytest.mark.browser


def test_several_files_are_dropped_at_once(page: Page, discs: Path, photo: Path):
    drop_files(page, discs, photo)
    expect_states(page, "done", "done")
    expect(thumbs(page).locator(".name")).to_have_text(["discs of mine.png", "red.jpg"])
    expect(thumbs(page).first.locator(".thumb")).to_have_attribute("aria-current", "true")
    drop_files(page, photo)
    expect(thumbs(page)).to_have_count(3)
    expect(thumbs(page).nth(2).locator(".thumb")).to_have_attribute("aria-current", "true")


def test_a_dropped_folder_is_told_for_what_it_is(page: Page, tmp_path: Path):
    folder = tmp_path / "holiday"
    folder.mkdir()
    drop_files(page, folder)
    expect_states(page, "failed")
    expect(page.locator("#failure-title")).to_have_text("holiday: The file cannot be read")
    expect(page.locator("#failure-detail")).to_contain_text("It is a folder")


def test_several_files_are_picked_at_once(page: Page, discs: Path, photo: Path):
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose photos").click()
    assert chooser.value.is_multiple()
    chooser.value.set_files([discs, photo])
    expect_states(page, "done", "done")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Add photos").click()
    chooser.value.set_files([discs])
    expect_states(page, "done", "done", "done")


def test_a_picture_is_pasted(page: Page, discs: Path):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate(
        """async (text) => {
            const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
            const blob = new Blob([bytes], { type: "image/png" });
            await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
        }""",
        base64.b64encode(discs.read_bytes()).decode(),
    )
    page.keyboard.press("Control+V")
    expect_result(page)
    expect(page.locator("#count")).to_have_text("2")
    page.keyboard.press("Control+V")
    expect_states(page, "done", "done")
    expect(thumbs(page).locator(".name")).to_have_text(["pasted-1.png", "pasted-2.png"])


def test_pasted_text_is_no_picture_and_it_is_said(page: Page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("() => navigator.clipboard.writeText('hello')")
    page.keyboard.press("Control+V")
    expect(page.locator("#notice")).to_have_text("There is no picture on the clipboard.")
    expect(thumbs(page)).to_have_count(0)
