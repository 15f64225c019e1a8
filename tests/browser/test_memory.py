"""A large photo with many instances: what is done again at a touch, and what is kept in memory.

Counted, not timed: how fast a machine is must not decide.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.app.api.server import Server
from tests.browser.answers import answer_of
from tests.browser.person import (
    colour_at,
    devtools,
    expect_result,
    expect_states,
    lit,
    move_slider,
    pick,
    point_at,
    thumbs,
)

pytestmark = pytest.mark.browser

WIDTH, HEIGHT = 4000, 3000
# Counts what costs: decoding a photo, and putting pixels of masks onto a canvas.
COUNT_WORK = """
window.work = { open: 0, decoded: 0, painted: 0, largest: 0 };
const decode = window.createImageBitmap;
window.createImageBitmap = async (...given) => {
  const bitmap = await decode(...given);
  work.decoded += 1;
  work.open += 1;
  const { close } = bitmap;
  bitmap.close = () => {
    work.open -= 1;
    close.call(bitmap);
  };
  return bitmap;
};
const { putImageData } = CanvasRenderingContext2D.prototype;
CanvasRenderingContext2D.prototype.putImageData = function (image, ...rest) {
  work.painted += 1;
  work.largest = Math.max(work.largest, image.width * image.height);
  return putImageData.call(this, image, ...rest);
};
"""


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Return a photo of 12 megapixels."""
    path = tmp_path / "large.jpg"
    Image.linear_gradient("L").resize((WIDTH, HEIGHT)).convert("RGB").save(path)
    return path


@pytest.fixture
def counted(open_page: Callable[..., Page], server: Server) -> Page:
    """Return the page with its work counted; the answer has a hundred instances."""
    page = open_page(server.url, script=COUNT_WORK)
    boxes = [(20 + 390 * (n % 10), 20 + 295 * (n // 10), 300, 230) for n in range(100)]
    answer = answer_of(boxes, WIDTH, HEIGHT)
    page.route("**/predict?*", lambda route: route.fulfill(json=answer))
    expect(page.locator("#state")).to_have_text("street is ready")
    return page


def work(page: Page) -> dict[str, int]:
    colour_at(page, 0.5, 0.5)
    return page.evaluate("() => ({ ...work })")


def test_pointing_along_a_large_photo_paints_one_instance_at_a_time(counted: Page, large: Path):
    pick(counted, large)
    expect_result(counted)
    expect(counted.locator("#count")).to_have_text("100")
    before = work(counted)
    for column in range(10):
        point_at(counted, (20 + 390 * column + 150) / WIDTH, (20 + 115) / HEIGHT)
        expect(lit(counted)).to_have_text(f"box {column}")
    after = work(counted)
    assert after["decoded"] == before["decoded"]
    # The inside and the outline of each; the layer of all masks stays as it is.
    assert after["painted"] - before["painted"] == 20
    # Moving on the same instance draws nothing anew.
    point_at(counted, (20 + 390 * 9 + 160) / WIDTH, (20 + 120) / HEIGHT)
    assert work(counted)["painted"] == after["painted"]


def test_masks_of_a_large_photo_are_painted_at_the_screens_size(counted: Page, large: Path):
    pick(counted, large)
    expect_result(counted)
    before = work(counted)["painted"]
    move_slider(counted, 0.95)
    expect(counted.locator("#count")).not_to_have_text("100")
    after = work(counted)
    assert after["painted"] == before + 1
    assert after["largest"] < 8_100_000
    assert after["largest"] < WIDTH * HEIGHT


def test_a_large_photo_is_saved_in_bands(counted: Page, large: Path, tmp_path: Path):
    pick(counted, large)
    expect_result(counted)
    with counted.expect_download() as download:
        counted.get_by_role("button", name="Save PNG").click()
    download.value.save_as(tmp_path / "saved.png")
    with Image.open(tmp_path / "saved.png") as saved:
        assert saved.size == (WIDTH, HEIGHT)
        # Each instance is tinted, whichever band it is in.
        for row in range(10):
            red, green, blue = saved.getpixel((20 + 150, 20 + 295 * row + 115))[:3]
            assert (red, green) != (green, blue), row
    assert work(counted)["largest"] <= 8_100_000


def test_only_the_photo_that_is_looked_at_stays_decoded(counted: Page, large: Path):
    copies = [large.with_name(f"large-{number}.jpg") for number in range(4)]
    for copy in copies:
        copy.write_bytes(large.read_bytes())
    pick(counted, *copies)
    expect_states(counted, *["done"] * 4)
    for index in (3, 1):
        thumbs(counted).nth(index).locator(".thumb").click()
        expect(thumbs(counted).nth(index).locator(".thumb")).to_have_attribute(
            "aria-current", "true"
        )
    counted.wait_for_load_state()
    for _ in range(4):
        counted.locator("#photos .remove").first.click()
    expect(thumbs(counted)).to_have_count(0)
    # Whatever was still being decoded is let go of too.
    assert settled(counted) == 0


def settled(page: Page) -> int:
    """Return how many photos are in memory once nothing is being decoded any more."""
    return page.evaluate(
        """async () => {
            for (let last = -1; last !== work.decoded; ) {
                last = work.decoded;
                for (let frame = 0; frame < 20; frame++) {
                    await new Promise(requestAnimationFrame);
                }
            }
            return work.open;
        }"""
    )


def test_memory_does_not_grow_with_photos_that_were_removed(counted: Page, large: Path):
    session = devtools(counted)
    session.send("Performance.enable")

    def canvases() -> float:
        session.send("HeapProfiler.collectGarbage")
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(entry["value"] for entry in metrics if entry["name"] == "Nodes")

    counts = []
    for _ in range(3):
        pick(counted, large)
        expect_states(counted, "done")
        counted.locator("#photos .remove").click()
        expect(thumbs(counted)).to_have_count(0)
        counts.append(canvases())
    assert counts[2] <= counts[1] + 10
