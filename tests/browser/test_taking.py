"""What a person takes away: the request for a shell, the JSON, the picture."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.app.api.server import Server
from tests.browser.person import (
    expect_result,
    expect_states,
    lit,
    move_slider,
    pick,
    pick_sample,
    place_on_picture,
    run_in_shell,
    thumbs,
)

pytestmark = pytest.mark.browser

# A photo that takes long to decode, once `isHeld`: until `letGo()`.
HOLD_DECODING = """
window.isHeld = false;
const decode = window.createImageBitmap;
window.createImageBitmap = async (...given) => {
  const bitmap = await decode(...given);
  if (isHeld) {
    await new Promise((done) => {
      window.letGo = () => {
        isHeld = false;
        done();
      };
    });
  }
  return bitmap;
};
"""
# What browsers do with a canvas that is too wide for them: some have no context for it, in others
# no picture comes of it.
REFUSE_CANVAS = {
    "null": """
        const { getContext } = HTMLCanvasElement.prototype;
        HTMLCanvasElement.prototype.getContext = function (...given) {
          return this.width > 2000 ? null : getContext.apply(this, given);
        };
    """,
    "blob": """
        const { toBlob } = HTMLCanvasElement.prototype;
        HTMLCanvasElement.prototype.toBlob = function (take, ...given) {
          if (this.width > 2000) take(null);
          else toBlob.call(this, take, ...given);
        };
    """,
}


def clipboard(page: Page) -> str:
    """Return the text on the clipboard, as another program gets it."""
    other = page.context.new_page()
    other.set_content("<textarea></textarea>")
    other.locator("textarea").focus()
    other.keyboard.press("Control+V")
    text = other.locator("textarea").input_value()
    other.close()
    return text


def test_the_copied_line_asks_the_same_from_a_shell(page: Page, discs: Path):
    pick(page, discs)
    expect_result(page)
    move_slider(page, 0.3)
    expect(page.locator("#count")).to_have_text("3")
    page.get_by_role("button", name="Copy").click()
    expect(page.locator("#copy")).to_have_text("Copied")
    expect(page.locator("#announcer")).to_have_text("Copied")
    line = clipboard(page)
    assert line == page.locator("#curl").inner_text()
    answer = run_in_shell(line, discs.parent)
    assert [instance["label"] for instance in answer["instances"]] == ["red", "green", "blue"]
    # The word on the button comes and goes.
    expect(page.locator("#copy")).to_have_text("Copy")


def test_copying_works_where_the_browser_trusts_the_address_less(
    open_page: Callable[..., Page], server: Server
):
    page = open_page(f"http://photos.lan:{server.port}")
    expect(page.locator("#state")).to_have_text("street is ready")
    assert page.evaluate("() => [isSecureContext, typeof navigator.clipboard]") == [
        False,
        "undefined",
    ]
    page.locator("#copy").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#copy")).to_have_text("Copied")
    expect(page.locator("#copy")).to_be_focused()
    assert clipboard(page) == f"curl -F image=@photo.jpg http://photos.lan:{server.port}/predict"


@pytest.mark.parametrize(
    "name", ["it's a photo.png", "a,b;c.png", 'say "hi".png', "$(touch x) `y` \\z.png", "ä ö.png"]
)
def test_a_line_holds_whatever_a_file_is_called(page: Page, discs: Path, name: str):
    named = discs.with_name(name)
    named.write_bytes(discs.read_bytes())
    pick(page, named)
    expect_result(page)
    answer = run_in_shell(page.locator("#curl").inner_text(), discs.parent)
    assert [instance["label"] for instance in answer["instances"]] == ["red", "green"]
    assert not (discs.parent / "x").exists()


def test_the_saved_json_is_what_the_server_answers_with_the_filter_applied(
    page: Page, discs: Path, server: Server, tmp_path: Path
):
    pick(page, discs)
    expect_result(page)
    page.get_by_role("checkbox", name="red").uncheck()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save JSON").click()
    assert download.value.suggested_filename == "discs of mine.json"
    download.value.save_as(tmp_path / "saved.json")
    saved = json.loads((tmp_path / "saved.json").read_text())
    answered = server.predict(discs.read_bytes(), "?min_score=0.7").json()
    assert set(saved) == set(answered)
    assert saved["image"] == {"width": 320, "height": 240}
    assert saved["instances"] == [i for i in answered["instances"] if i["label"] != "red"]


def save_picture(page: Page, folder: Path) -> Image.Image:
    with page.expect_download() as download:
        page.get_by_role("button", name="Save PNG").click()
    download.value.save_as(folder / "saved.png")
    return Image.open(folder / "saved.png").convert("RGB")


def large_discs(discs: Path) -> Path:
    """Write the discs ten times as large: no screen shows such a photo whole."""
    path = discs.with_name("large.png")
    Image.open(discs).resize((3200, 2400), Image.Resampling.NEAREST).save(path)
    return path


def test_the_saved_picture_has_the_photos_own_size_and_what_is_shown(
    page: Page, discs: Path, tmp_path: Path
):
    pick(page, large_discs(discs))
    expect_result(page)
    page.get_by_role("checkbox", name="green").uncheck()
    saved = save_picture(page, tmp_path)
    assert saved.size == (3200, 2400)
    # The red disc has its mask; the green one is not ticked, the blue one below the threshold.
    masked = saved.getpixel((800, 900))
    assert masked != (250, 0, 0)
    assert masked[0] > 100
    assert saved.getpixel((2200, 800)) == (0, 210, 0)
    assert saved.getpixel((1500, 1900)) == (0, 0, 135)
    # A label lies on the upper side of the red one's box, in letters for a picture of this size.
    above = saved.crop((200, 230, 700, 298))
    assert len(above.getcolors(1 << 20) or ()) > 10
    # The whole disc is covered, wherever the picture was put together from parts.
    for y in range(400, 1450, 50):
        assert saved.getpixel((800, y)) != (250, 0, 0), y


def test_the_saved_picture_has_the_layers_that_are_shown(page: Page, discs: Path, tmp_path: Path):
    pick(page, discs)
    expect_result(page)
    for layer in ("Masks", "Boxes", "Labels"):
        page.get_by_role("checkbox", name=layer).uncheck()
    saved = save_picture(page, tmp_path)
    assert saved.tobytes() == Image.open(discs).convert("RGB").tobytes()


def test_the_saved_picture_singles_out_what_the_page_does(page: Page, discs: Path, tmp_path: Path):
    pick(page, discs)
    expect_result(page)
    page.mouse.click(*place_on_picture(page, 80 / 320, 90 / 240))
    expect(lit(page)).to_have_text("red")
    saved = save_picture(page, tmp_path)
    assert saved.getpixel((80, 90)) == (250, 0, 0)
    assert sum(saved.getpixel((220, 80))) < 0.8 * 210


def test_a_photo_that_is_looked_at_again_is_saved_with_all_its_pixels(
    page: Page, discs: Path, tmp_path: Path
):
    noise = np.random.default_rng(5).integers(0, 256, (900, 1200, 3), np.uint8)
    fine = tmp_path / "fine.png"
    Image.fromarray(noise).save(fine)
    pick(page, discs, fine)
    expect_states(page, "done", "done")
    thumbs(page).nth(1).locator(".thumb").click()
    for layer in ("Masks", "Boxes", "Labels"):
        page.get_by_role("checkbox", name=layer).uncheck()
    saved = save_picture(page, tmp_path)
    assert saved.size == (1200, 900)
    assert (np.asarray(saved) == noise).all()


def save_held(page: Page, *photos: Path) -> None:
    """Choose the second of the photos and save it, which waits to be let go."""
    pick(page, *photos)
    expect_states(page, *("done" for _ in photos))
    page.evaluate("() => { isHeld = true; }")
    thumbs(page).nth(1).locator(".thumb").click()
    page.get_by_role("button", name="Save PNG").click()


def test_who_leaves_a_photo_before_it_is_saved_is_told_and_may_save_the_next(
    open_page: Callable[..., Page], server: Server, discs: Path, photo: Path
):
    page = open_page(server.url, script=HOLD_DECODING)
    save_held(page, discs, photo)
    expect(page.locator("#save-picture")).to_be_disabled()
    thumbs(page).nth(0).locator(".thumb").click()
    page.evaluate("() => letGo()")
    expect(page.locator("#notice")).to_have_text(
        "red.jpg was not saved: another photo was chosen before it could be drawn."
    )
    with page.expect_download() as download:
        page.get_by_role("button", name="Save PNG").click()
    assert download.value.suggested_filename == "discs of mine-instances.png"


def test_a_photo_that_is_removed_before_it_is_saved_leaves_the_next_to_be_saved(
    open_page: Callable[..., Page], server: Server, discs: Path, photo: Path
):
    page = open_page(server.url, script=HOLD_DECODING)
    save_held(page, discs, photo)
    for name in ("red.jpg", "discs of mine.png"):
        page.get_by_role("button", name=f"Remove {name}").click()
    page.evaluate("() => letGo()")
    pick_sample(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save PNG").click()
    assert download.value.suggested_filename == "discs-instances.png"


@pytest.mark.parametrize(
    "refused", [pytest.param("null", id="no-context"), pytest.param("blob", id="no-blob")]
)
def test_a_picture_too_large_for_the_browser_is_saved_smaller_and_it_is_said(
    open_page: Callable[..., Page], server: Server, discs: Path, tmp_path: Path, refused: str
):
    page = open_page(server.url, script=REFUSE_CANVAS[refused])
    pick(page, large_discs(discs))
    expect_result(page)
    saved = save_picture(page, tmp_path)
    assert saved.size == (1600, 1200)
    expect(page.locator("#notice")).to_have_text(
        "This browser cannot make a picture of this size: it is 0.5 of it."
    )
    expect(page.locator("#save-picture")).to_be_enabled()


def test_what_was_saved_is_let_go_of(open_page: Callable[..., Page], server: Server):
    page = open_page(server.url, clock=True)
    page.evaluate(
        """() => {
            window.urls = new Set();
            const { createObjectURL, revokeObjectURL } = URL;
            URL.createObjectURL = (blob) => {
                const url = createObjectURL.call(URL, blob);
                urls.add(url);
                return url;
            };
            URL.revokeObjectURL = (url) => {
                urls.delete(url);
                revokeObjectURL.call(URL, url);
            };
        }"""
    )
    pick_sample(page)
    for name in ("Save PNG", "Save JSON"):
        with page.expect_download():
            page.get_by_role("button", name=name).click()
    assert page.evaluate("() => urls.size") == 2
    page.clock.fast_forward("00:15")
    assert page.evaluate("() => urls.size") == 0
