"""What goes wrong, said in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.app.api.server import Server
from tests.app.serving.model_folder import Models
from tests.browser.conftest import running
from tests.browser.person import (
    drop_files,
    expect_states,
    pick,
    pick_sample,
    thumbs,
    wait_for_held,
)

pytestmark = pytest.mark.browser


@pytest.mark.server
def test_a_server_that_is_gone_is_told_in_words(
    open_page: Callable[..., Page], tmp_path: Path, root: Path, discs: Path
):
    models = Models(tmp_path / "models")
    models.add("street/1/street.h5")
    serving = running(Server(tmp_path, models.folder, root))
    server = next(serving)
    page = open_page(server.url)
    expect(page.locator("#state")).to_have_text("street is ready")
    serving.close()
    pick(page, discs)
    expect_states(page, "failed")
    expect(page.locator("#failure-title")).to_have_text(
        "discs of mine.png: The server does not answer"
    )
    expect(page.locator("#failure-detail")).to_have_text(
        "It has stopped, or the network to it is down."
    )
    expect(page.locator("#failure-retry")).to_be_visible()


@pytest.mark.server
def test_a_model_that_cannot_be_loaded_is_told_on_arrival(
    open_page: Callable[..., Page], tmp_path: Path, root: Path, discs: Path
):
    models = Models(tmp_path / "models")
    models.add("street/1/street.h5", threshold="high")
    server = Server(tmp_path, models.folder, root)
    try:
        while not server.events("model_failed"):
            assert server.process.poll() is None
        page = open_page(server.url)
        expect(page.locator("#state")).to_have_text("Not ready")
        expect(page.locator("#faults li")).to_contain_text("street.h5: threshold is 'high'")
        # Once is enough.
        expect(page.locator("#prompt-hint")).to_have_text(
            "No prediction can be made: the reason stands above."
        )
        expect(page.get_by_text("threshold is 'high'")).to_have_count(1)
        # No wait would help: the photo fails at once.
        pick(page, discs)
        expect_states(page, "failed")
    finally:
        server.end()


def test_a_server_that_is_not_ready_is_told_on_arrival_and_when_it_is_it_is_said(page: Page):
    page.route("**/readyz", lambda route: route.abort())
    page.reload()
    expect(page.locator("#state")).to_have_text("Not ready")
    expect(page.locator("#prompt-hint")).to_contain_text("has stopped, or the network")
    page.unroute("**/readyz")
    expect(page.locator("#state")).to_have_text("street is ready")


def test_a_device_without_network_is_told_so(page: Page, discs: Path):
    page.context.set_offline(True)
    pick(page, discs)
    expect(page.locator("#failure-title")).to_have_text("discs of mine.png: This device is offline")
    page.context.set_offline(False)
    page.locator("#failure-retry").click()
    expect_states(page, "done")


def test_a_refusal_gives_the_servers_own_title_and_detail(page: Page, tmp_path: Path):
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    pick(page, damaged)
    expect_states(page, "failed")
    expect(page.locator("#failure-title")).to_contain_text("damaged.png: The picture is")
    detail = page.locator("#failure-detail").inner_text()
    assert detail[0].isupper()
    assert detail.endswith(".")
    expect(page.locator("#announcer")).to_contain_text("damaged.png failed")


def test_an_error_of_the_server_names_the_request(page: Page, discs: Path):
    problem = {
        "title": "The model failed on this picture",
        "detail": "street version 1 failed",
        "request_id": "01J0",
    }
    page.route("**/predict?*", lambda route: route.fulfill(status=500, json=problem))
    pick(page, discs)
    expect(page.locator("#failure-detail")).to_have_text("Street version 1 failed.")
    expect(page.locator("#failure-id")).to_have_text("Request 01J0")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        pytest.param(413, "The picture is too large for the server", id="nginx-413"),
        pytest.param(502, "The server cannot be reached behind its proxy", id="nginx-502"),
        pytest.param(504, "The server took too long", id="nginx-504"),
        pytest.param(418, "The server answered 418", id="unheard-of"),
    ],
)
def test_a_proxys_page_of_markup_becomes_words(page: Page, discs: Path, status: int, words: str):
    markup = "<html><h1>nginx</h1></html>"
    page.route("**/predict?*", lambda route: route.fulfill(status=status, body=markup))
    pick(page, discs)
    expect(page.locator("#failure-title")).to_have_text(f"discs of mine.png: {words}")


def test_an_answer_that_is_no_answer_is_told(page: Page, discs: Path):
    page.route("**/predict?*", lambda route: route.fulfill(status=200, body="<html>log in</html>"))
    pick(page, discs)
    expect(page.locator("#failure-title")).to_contain_text("The server's answer cannot be read")


def test_a_refusal_of_another_shape_is_told_in_words_of_the_pages_own(page: Page, discs: Path):
    problem = {"title": {"code": 7}, "detail": [{"loc": ["body"], "msg": "too many"}]}
    page.route("**/predict?*", lambda route: route.fulfill(status=413, json=problem))
    pick(page, discs)
    expect_states(page, "failed")
    expect(page.locator("#failure-title")).to_have_text(
        "discs of mine.png: The picture is too large for the server"
    )
    expect(page.locator("#failure-detail")).to_be_empty()
    expect(page.locator("#announcer")).to_have_text(
        "discs of mine.png failed: The picture is too large for the server."
    )


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"json": {}}, id="empty"),
        pytest.param({"json": {"models": None, "samples": 3}}, id="no-list"),
        pytest.param({"body": "<html>log in</html>"}, id="markup"),
    ],
)
def test_lists_that_are_none_leave_a_page_that_works(
    open_page: Callable[..., Page], server: Server, discs: Path, answer: dict[str, Any]
):
    def answer_so(page: Page) -> None:
        for path in ("**/models", "**/samples"):
            page.route(path, lambda route: route.fulfill(**answer))

    page = open_page(server.url, before=answer_so)
    expect(page.locator("#state")).to_have_text("Ready")
    expect(page.locator("#samples-field")).to_be_hidden()
    pick(page, discs)
    expect_states(page, "done")


def test_a_readiness_that_cannot_be_read_is_told(open_page: Callable[..., Page], server: Server):
    markup = "<html>log in</html>"

    def answer_so(page: Page) -> None:
        page.route("**/readyz", lambda route: route.fulfill(body=markup))

    page = open_page(server.url, before=answer_so)
    expect(page.locator("#state")).to_have_text("Not ready")
    expect(page.locator("#prompt-hint")).to_have_text("The server's answer cannot be read.")


def test_a_server_that_says_nothing_is_told_on_arrival_and_asked_again(
    open_page: Callable[..., Page], server: Server
):
    held: list[Route] = []

    def hold(page: Page) -> None:
        page.route("**/readyz", lambda route: held.append(route))

    page = open_page(server.url, clock=True, before=hold)
    wait_for_held(page, held, 1)
    expect(page.locator("#state")).to_have_text("Connecting")
    page.clock.fast_forward("00:11")
    expect(page.locator("#state")).to_have_text("Not ready")
    expect(page.locator("#prompt-hint")).to_have_text(
        "It has stopped, or the network to it is down."
    )
    page.unroute("**/readyz")
    page.clock.fast_forward("00:03")
    expect(page.locator("#state")).to_have_text("street is ready")


def test_a_file_that_is_gone_by_the_time_it_is_sent_is_told(page: Page, discs: Path):
    page.route("**/predict?*", lambda route: route.abort())
    drop_files(page, discs)
    expect_states(page, "failed")
    page.unroute("**/predict?*")
    discs.unlink()
    page.locator("#failure-retry").click()
    expect(page.locator("#failure-title")).to_have_text(
        "discs of mine.png: The file cannot be read"
    )


def test_after_a_failure_the_next_photo_works_and_the_failed_one_stays(page: Page, tmp_path: Path):
    notes = tmp_path / "notes.txt"
    notes.write_text("hello")
    pick(page, notes)
    expect_states(page, "failed")
    pick_sample(page)
    expect_states(page, "failed", "done")
    expect(page.locator("#count")).to_have_text("2")
    thumbs(page).first.locator(".thumb").click()
    expect(page.locator("#failure-title")).to_be_visible()
