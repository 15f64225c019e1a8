"""What a person does on the page, and sees: the words in which the browser's tests are written."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

from playwright.sync_api import CDPSession, Locator, Page, Route, expect

# Drawing waits for the screen's next frame; so does who looks.
_COLOUR_AT = """
async ([x, y]) => {
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const canvas = document.getElementById("canvas");
  const at = [Math.floor(x * canvas.width), Math.floor(y * canvas.height)];
  return [...canvas.getContext("2d").getImageData(...at, 1, 1).data].slice(0, 3);
}
"""

_WATCH_STATES = """
() => {
  window.seen = [];
  const look = () => {
    for (const item of document.querySelectorAll("#photos li")) {
      const words = item.querySelector(".status").textContent;
      const line = `${item.dataset.state}: ${words}`;
      if (seen.at(-1) !== line) seen.push(line);
    }
  };
  const options = { subtree: true, childList: true, characterData: true, attributes: true };
  new MutationObserver(look).observe(document.getElementById("photos"), options);
}
"""


def pick_sample(page: Page) -> None:
    page.locator("#samples button").first.click()
    expect_result(page)


def pick(page: Page, *paths: Path) -> None:
    """Pick files, as the system's dialogue gives them."""
    page.set_input_files("#file", list(paths))


def expect_result(page: Page) -> None:
    expect(page.locator("#board")).to_have_attribute("data-view", "result")


def move_slider(page: Page, value: float) -> None:
    page.locator("#threshold").fill(str(value))


def thumbs(page: Page) -> Locator:
    return page.locator("#photos li")


def expect_states(page: Page, *states: str) -> None:
    """Wait until the photos of the strip are in these states."""
    expect(thumbs(page)).to_have_count(len(states))
    for index, state in enumerate(states):
        expect(thumbs(page).nth(index)).to_have_attribute("data-state", state)


def watch_states(page: Page) -> None:
    """From now on, note every state that a photo of the strip goes through."""
    page.evaluate(_WATCH_STATES)


def seen_states(page: Page) -> list[str]:
    """Return what has been noted, as "state: what the strip says"."""
    return page.evaluate("() => window.seen")


def lit(page: Page) -> Locator:
    """Return the label of the instance that is singled out in the list."""
    return page.locator("#instances li.lit .label")


def pinned(page: Page) -> Locator:
    """Return the label of the instance that stays singled out."""
    return page.locator("#instances li[aria-selected=true] .label")


def colour_at(page: Page, x: float, y: float) -> list[int]:
    """Return the picture's colour at a place given as shares of its size."""
    return page.evaluate(_COLOUR_AT, [x, y])


def place_on_picture(page: Page, x: float, y: float) -> tuple[float, float]:
    """Return where on the screen a place of the picture is, given as shares of its size."""
    page.locator("#canvas").scroll_into_view_if_needed()
    box = page.locator("#canvas").bounding_box()
    assert box is not None
    return box["x"] + box["width"] * x, box["y"] + box["height"] * y


def point_at(page: Page, x: float, y: float) -> None:
    """Move the mouse to a place of the picture."""
    page.mouse.move(*place_on_picture(page, x, y))


def devtools(page: Page) -> CDPSession:
    return page.context.new_cdp_session(page)


def touch(page: Page, *fingers: list[tuple[float, float]]) -> None:
    """Put down fingers, move each along its places of the screen and lift them."""
    session = devtools(page)
    for kind, places in zip(
        ["touchStart", *["touchMove"] * (len(fingers[0]) - 1)],
        zip(*fingers, strict=True),
        strict=True,
    ):
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    session.detach()


def drop_files(page: Page, *paths: Path) -> None:
    """Drag files from the system's desktop onto the middle of the page and let go of them."""
    session = devtools(page)
    size = page.viewport_size
    assert size is not None
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send(
            "Input.dispatchDragEvent",
            {"type": kind, "x": size["width"] / 2, "y": size["height"] / 2, "data": data},
        )
    session.detach()


def hold_predictions(page: Page) -> list[Route]:
    """Keep requests for predictions on their way until each is let go: `route.continue_()`."""
    held: list[Route] = []
    page.route("**/predict?*", lambda route: held.append(route))
    return held


def wait_for_held(page: Page, held: list[Route], count: int) -> None:
    """Wait until so many requests are held, frame by frame of the screen."""
    deadline = time.monotonic() + 60
    while len(held) < count:
        assert time.monotonic() < deadline, f"{len(held)} of {count} requests came"
        page.evaluate("() => new Promise(requestAnimationFrame)")


def run_in_shell(line: str, folder: Path) -> dict:
    """Type a line into a shell."""
    command = line.replace("curl", "curl -sS --fail", 1)
    ran = subprocess.run(command, shell=True, cwd=folder, capture_output=True, check=True)
    return json.loads(ran.stdout)


def fill(page: Page, front: Path, **values: str) -> None:
    """Fill in the form of `prices.py`, otherwise than usual where `values` says so."""
    usual = {"area": "82.5", "rooms": "3", "note": "by the church", "distances": "[1, 2, 3.5]"}
    for name, value in {**usual, **values}.items():
        page.get_by_label(name, exact=True).fill(value)
    page.get_by_label("front").set_input_files(front)


def predict(page: Page) -> None:
    page.get_by_role("button", name="Predict").click()


def expect_answer(page: Page) -> None:
    expect(page.locator("#values-panel")).to_have_attribute("data-view", "result")
