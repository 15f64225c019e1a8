"""A real Chromium on the page of a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.app.api.server import Server
from tests.app.serving.model_folder import Models
from tests.browser import network

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A name as on a local network: without TLS a browser does not trust it as it trusts 127.0.0.1.
    "--host-resolver-rules=MAP photos.lan 127.0.0.1",
]
#: A telephone that is touched, as Playwright's contexts have it.
PHONE = {
    "viewport": {"width": 360, "height": 740},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}
# Nothing here is measured by the clock: these end what hangs.
PATIENCE_MS = 60_000
START_S = 300

# Tells of every breach of the page's policy; the browser runs it before the page's own scripts.
WATCH_POLICY = """
document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => {
  console.error(`Policy broken: ${violatedDirective} by ${blockedURI}`);
});
"""

expect.set_options(timeout=PATIENCE_MS)


def draw_sample(path: Path) -> None:
    """Draw a red disc of score 0.98, a green one of 0.82 and a dim blue one of 0.53."""
    image = Image.new("RGB", (320, 240))
    draw = ImageDraw.Draw(image)
    draw.ellipse((20, 30, 139, 149), fill=(250, 0, 0))
    draw.ellipse((180, 40, 259, 119), fill=(0, 210, 0))
    draw.ellipse((120, 160, 179, 219), fill=(0, 0, 135))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def running(server: Server) -> Iterator[Server]:
    """Yield a server once it is ready, and end it."""
    try:
        server.wait_until_ready(START_S)
        yield server
    finally:
        server.end()


@pytest.fixture(scope="package", autouse=True)
def quiet_network() -> Iterator[None]:
    """Keep the browser and its servers where no other test changes the network."""
    with network.of_its_own():
        yield


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Server]:
    """Return a server with one model and one sample."""
    folder = tmp_path_factory.mktemp("page")
    models = Models(folder / "models")
    models.add("street/1/street.h5")
    draw_sample(models.folder / "street" / "1" / "samples" / "discs.png")
    yield from running(Server(folder, models.folder, root))


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Return a function that opens the page at an address, in a context with the options given.

    With a `clock` of its own the page waits only as long as the test says; a `script` runs before
    the page's own, and `before` has the page before it is opened. A script error, a breach of the
    policy or a request to another host fails the test.
    """
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def open_page(
        url: str,
        *,
        clock: bool = False,
        script: str = "",
        before: Callable[[Page], object] = lambda page: None,
        **options: object,
    ) -> Page:
        options.setdefault("viewport", {"width": 1200, "height": 800})
        context = browser.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(WATCH_POLICY + script)
        page = context.new_page()
        if clock:
            page.clock.install()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "console",
            lambda line: faults.append(line.text) if "olicy" in line.text else None,
        )
        page.on(
            "request",
            lambda request: (
                None if request.url.startswith((url, "blob:")) else faults.append(request.url)
            ),
        )
        before(page)
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def page(open_page: Callable[..., Page], server: Server) -> Page:
    """Return the page on a desktop, open, its server ready."""
    page = open_page(server.url)
    expect(page.locator("#state")).to_have_text("street is ready")
    return page


@pytest.fixture
def phone(open_page: Callable[..., Page], server: Server) -> Page:
    """Return the page on a telephone that is touched, open, its server ready."""
    page = open_page(server.url, **PHONE)
    expect(page.locator("#state")).to_have_text("street is ready")
    return page


@pytest.fixture
def discs(tmp_path: Path) -> Path:
    """Return the sample's picture as a file of one's own."""
    path = tmp_path / "discs of mine.png"
    draw_sample(path)
    return path


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    """Return a red ring around a green disc, which does not fill its hole."""
    path = tmp_path / "ring.png"
    image = Image.new("RGB", (280, 280))
    draw = ImageDraw.Draw(image)
    draw.ellipse((20, 20, 259, 259), fill=(250, 0, 0))
    draw.ellipse((80, 80, 199, 199), fill=(0, 0, 0))
    draw.ellipse((125, 125, 154, 154), fill=(0, 210, 0))
    image.save(path)
    return path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Return a photo of another size than the sample's, on its side by its EXIF orientation."""
    image = Image.new("RGB", (200, 300))
    ImageDraw.Draw(image).rectangle((40, 60, 139, 159), fill=(230, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "red.jpg"
    stored = image.transpose(Image.Transpose.ROTATE_90)
    stored.save(path, exif=exif, quality=95, subsampling=0)
    return path


@pytest.fixture(scope="package")
def harbour(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Server]:
    """Return a server with two models, which takes small photos only.

    `harbour` is the default; `town` calls the colours otherwise.
    """
    folder = tmp_path_factory.mktemp("harbour")
    models = Models(folder / "models")
    models.add("harbour/1/harbour.h5")
    models.add("town/1/town.h5")
    models.write("town/1/labels.txt", "brick\nivy\nsky\n")
    draw_sample(models.folder / "town" / "1" / "samples" / "square.png")
    limits = {"MAX_IMAGE_BYTES": "60000", "MAX_IMAGE_PIXELS": "100000"}
    yield from running(Server(folder, models.folder, root, DEFAULT_MODEL="harbour", **limits))


@pytest.fixture
def discs_again(discs: Path) -> list[Path]:
    """Return five copies of the sample's picture under names of their own."""
    copies = [discs.with_name(f"photo-{number}.png") for number in range(5)]
    for copy in copies:
        copy.write_bytes(discs.read_bytes())
    return copies
