"""The page for a model that takes values: a form of its inputs, and its outputs by their names."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.app.api.server import Server
from tests.app.serving.model_folder import Models
from tests.browser import prices, shades
from tests.browser.conftest import draw_sample
from tests.browser.kinds import own_kind, running_with
from tests.browser.person import (
    drop_files,
    expect_answer,
    expect_result,
    fill,
    hold_predictions,
    pick_sample,
    predict,
    run_in_shell,
    wait_for_held,
)

pytestmark = [pytest.mark.browser, pytest.mark.server]

ABOUT = "Knows what houses cost."


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Server]:
    """Return a server of a model that takes values, and of a classifier of pictures."""
    folder = tmp_path_factory.mktemp("values")
    models = Models(folder / "models")
    models.write("house/1/house.prices", '{"prices": {}}')
    models.write("house/1/model.yaml", f"about: {ABOUT}")
    models.write("shade/1/shade.shades", '{"shades": {}}')
    draw_sample(models.folder / "shade" / "1" / "samples" / "discs.png")
    kinds = {"prices": own_kind(prices), "shades": own_kind(shades)}
    yield from running_with(kinds, root, folder, models.folder, DEFAULT_MODEL="house")


@pytest.fixture
def page(open_page: Callable[..., Page], served: Server) -> Page:
    page = open_page(served.url)
    expect(page.locator("#values-title")).to_have_text("house")
    return page


def output(page: Page, name: str) -> Locator:
    return page.get_by_role("row", name=name).get_by_role("cell")


def complaint(page: Page, name: str) -> str:
    """Return what is said to be wrong with a field."""
    field = page.get_by_label(name, exact=True)
    expect(field).to_have_attribute("aria-invalid", "true")
    told = (field.get_attribute("aria-describedby") or "").split()
    return page.locator(f"#{told[-1]}").inner_text()


def test_the_form_has_a_field_of_the_right_sort_for_each_input(page: Page):
    fields = page.locator("#inputs .input")
    expect(fields.locator(".name")).to_have_text([one["name"] for one in prices.INPUTS])
    sorts = fields.locator(":is(input, select, textarea)").evaluate_all(
        "(all) => all.map((one) => [one.type, one.step ?? ''])"
    )
    assert [sort for sort, _ in sorts] == [
        "number",
        "number",
        "checkbox",
        "select-one",
        "text",
        "textarea",
        "file",
    ]
    assert [step for _, step in sorts[:2]] == ["any", "1"]
    expect(page.get_by_label("place").locator("option")).to_have_text(prices.PLACES)
    expect(fields.locator(".hint")).to_have_text(
        ["number", "whole number", "yes or no", "one of 3", "text", "list of 3 numbers", "picture"]
    )
    expect(page.locator("#values-about")).to_have_text(ABOUT)


def test_values_are_answered_with_outputs_by_their_names(page: Page, discs: Path):
    fill(page, discs)
    page.get_by_label("garden").check()
    page.get_by_label("place").select_option("hill")
    predict(page)
    expect_answer(page)
    expect(output(page, "price")).to_have_text("117493.5")
    size = discs.stat().st_size
    expect(output(page, "told")).to_have_text(f"hill, by the church, rooms 3, {size} bytes")
    expect(page.locator("#outputs-count")).to_have_text("4 outputs")
    expect(page.locator("#values-facts")).to_contain_text("house, version 1")
    expect(page.locator("#values-facts .assumed")).to_have_text("prices are in euros")


def test_scores_beside_their_texts_are_bars_and_no_rows(page: Page, discs: Path):
    fill(page, discs)
    predict(page)
    expect_answer(page)
    bars = page.get_by_role("list", name="buyer_probs")
    expect(bars.locator(".label")).to_have_text(["sailor", "family", "bank"])
    expect(bars.locator(".score")).to_have_text(["87.6 %", "12.3 %", "< 0.1 %"])
    expect(page.locator("#outputs tbody th")).to_have_text(["price", "told"])
    expect(page.locator("#announcer")).to_have_text("house: sailor, 87.6 %")


def arranged(page: Page, outputs: dict) -> dict:
    return page.evaluate(
        """async (outputs) => {
            const { arranged } = await import("/static/outputs.js");
            const { charts, rows } = arranged(outputs);
            return {
                charts: Object.fromEntries(charts.map(({ name, bars }) => [name, bars[0].label])),
                rows: Object.fromEntries(rows.map(({ name, text }) => [name, text])),
            };
        }""",
        outputs,
    )


def test_of_many_numbers_the_scores_are_told_by_their_name(page: Page):
    seen = arranged(
        page,
        {
            "all_class_ids": [0, 1],
            "all_classes": ["cat", "dog"],
            "class_ids": [1],
            "classes": ["dog"],
            "logistic": [0.7],
            "logits": [0.85],
            "probabilities": [0.3, 0.7],
        },
    )
    assert seen["charts"] == {"probabilities": "dog"}
    assert seen["rows"] == {
        "all_class_ids": "[0, 1]",
        "class_ids": "1",
        "classes": "dog",
        "logistic": "0.7",
        "logits": "0.85",
    }


def test_two_labels_have_their_own_scores_each(page: Page):
    seen = arranged(
        page,
        {
            "colour_probs": [0.2, 0.8],
            "colour_values": ["red", "blue"],
            "shape_probs": [0.9, 0.1],
            "shape_values": ["round", "long"],
        },
    )
    assert seen == {"charts": {"colour_probs": "blue", "shape_probs": "round"}, "rows": {}}


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        pytest.param([3.25, -1], "[3.25, -1]", id="of-any-size"),
        pytest.param([0, 1], "[0, 1]", id="whole"),
        pytest.param([0.5, 0.25, 0.25], "[0.5, 0.25, 0.25]", id="of-another-count"),
    ],
)
def test_numbers_beside_texts_that_are_no_scores_stay_numbers(
    page: Page, numbers: list[float], text: str
):
    seen = arranged(page, {"names": ["a", "b"], "numbers": numbers})
    assert seen["charts"] == {}
    assert seen["rows"]["numbers"] == text
    assert arranged(page, {"names": ["a", "b"], "x": [0.75, 0.25]})["charts"] == {"x": "a"}


def test_a_large_output_is_shortened_and_says_its_size(page: Page):
    seen = arranged(page, {"features": [[0.123456789] * 50] * 7})
    assert seen["rows"]["features"].startswith("7 × 50 values: [[0.12345679, 0.12345679")  # noqa: RUF001
    assert len(seen["rows"]["features"]) < 400


def test_what_is_missing_is_told_at_its_field_before_anything_is_asked(page: Page):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_label("area").fill("80")
    page.get_by_label("distances").fill("1, 2")
    predict(page)
    assert complaint(page, "rooms") == "A value is needed."
    assert complaint(page, "distances") == "A list is expected, such as [1, 2, 3]."
    assert complaint(page, "front") == "A value is needed."
    expect(page.get_by_label("rooms")).to_be_focused()
    expect(page.get_by_label("area")).to_have_attribute("aria-invalid", "false")
    assert [url for url in asked if "/predict" in url] == []


def test_what_the_server_refuses_is_told_at_its_field_and_forgiven_once_mended(
    page: Page, discs: Path
):
    fill(page, discs, rooms="2.5")
    predict(page)
    assert complaint(page, "rooms") == "It is 2.5: a whole number is expected."
    expect(page.get_by_label("rooms")).to_be_focused()
    expect(page.locator("#refusal")).to_be_hidden()
    page.get_by_label("rooms").fill("3")
    page.get_by_label("distances").fill("[1, 2]")
    predict(page)
    assert complaint(page, "distances") == "It is a list of 2: a list of 3 is expected."
    expect(page.get_by_label("rooms")).to_have_attribute("aria-invalid", "false")
    page.get_by_label("distances").fill("[1, 2, 3]")
    page.get_by_label("distances").press("Tab")
    page.get_by_label("rooms").press("Enter")
    expect_answer(page)
    expect(page.get_by_label("distances")).to_have_attribute("aria-invalid", "false")


def test_what_the_model_itself_refuses_is_told_at_its_field(page: Page, discs: Path):
    problem = {
        "title": "The model cannot take this input",
        "detail": "note is 'by the church', which the model has never seen",
        "field": "instances[0].note",
    }
    page.route("**/predict?*", lambda route: route.fulfill(status=422, json=problem))
    fill(page, discs)
    predict(page)
    expect(page.get_by_label("note", exact=True)).to_be_focused()
    assert complaint(page, "note") == "It is 'by the church', which the model has never seen."


def test_a_refusal_that_is_about_no_field_stands_above_the_button(page: Page, discs: Path):
    fill(page, discs, rooms="1001")
    predict(page)
    expect(page.get_by_role("alert").locator("h3")).to_have_text("The model cannot take this input")
    expect(page.locator("#refusal-detail")).to_contain_text("No house has 1001 rooms")
    page.get_by_label("rooms").fill("4")
    predict(page)
    expect_answer(page)
    expect(page.locator("#refusal")).to_be_hidden()


def test_a_server_that_fails_on_values_names_the_request(page: Page, discs: Path):
    problem = {"title": "The model failed", "detail": "house version 1 failed", "request_id": "01J"}
    page.route("**/predict?*", lambda route: route.fulfill(status=500, json=problem))
    fill(page, discs)
    predict(page)
    expect(page.locator("#refusal-detail")).to_have_text("House version 1 failed. Request 01J")
    page.unroute("**/predict?*")
    page.route("**/predict?*", lambda route: route.abort())
    predict(page)
    expect(page.locator("#refusal-title")).to_have_text("The server does not answer")


def test_numbers_reach_the_model_as_they_were_typed(page: Page, discs: Path):
    held = hold_predictions(page)
    fill(page, discs, rooms="-9007199254740993", area=".5")
    predict(page)
    wait_for_held(page, held, 1)
    sent = held[0].request.post_data or ""
    assert '"area": 0.5, "rooms": -9007199254740993,' in sent
    held[0].continue_()
    expect(output(page, "told")).to_contain_text("rooms -9007199254740993")


def test_while_the_model_is_asked_it_is_not_asked_again(page: Page, discs: Path):
    held = hold_predictions(page)
    fill(page, discs)
    predict(page)
    wait_for_held(page, held, 1)
    expect(page.locator("#predict")).to_have_attribute("aria-disabled", "true")
    expect(page.locator("#values-pending")).to_be_visible()
    page.get_by_label("rooms").press("Enter")
    held[0].continue_()
    expect_answer(page)
    assert len(held) == 1
    expect(page.locator("#predict")).to_have_attribute("aria-disabled", "false")


def test_the_copied_line_asks_the_same_values_from_a_shell(page: Page, discs: Path):
    fill(page, discs, note='it\'s 5 % \\ of "all"; $(touch x)')
    predict(page)
    expect_answer(page)
    answer = run_in_shell(page.locator("#curl").inner_text(), discs.parent)
    (prediction,) = answer["predictions"]
    assert prediction["outputs"]["told"] == output(page, "told").inner_text()
    assert not (discs.parent / "x").exists()


def test_a_line_without_a_file_needs_curl_alone(page: Page):
    page.get_by_label("area").fill("80")
    line = page.locator("#curl")
    expect(line).to_contain_text(
        """curl -H 'Content-Type: application/json' -d '{"instances": [{"""
    )
    expect(line).to_contain_text('"area": 80, "garden": false, "place": "harbour"')


def test_the_saved_json_of_values_is_the_servers_answer(page: Page, discs: Path, tmp_path: Path):
    fill(page, discs)
    predict(page)
    expect_answer(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save JSON").click()
    assert download.value.suggested_filename == "house.json"
    download.value.save_as(tmp_path / "house.json")
    saved = json.loads((tmp_path / "house.json").read_text())
    assert (saved["model"], saved["outputs"]["price"]) == ("house", [97493.5])


def test_a_picture_dropped_on_the_form_fills_its_field(page: Page, discs: Path):
    drop_files(page, discs)
    assert page.get_by_label("front").evaluate("(field) => field.files[0].name") == discs.name
    held = hold_predictions(page)
    fill(page, discs)
    predict(page)
    wait_for_held(page, held, 1)
    (instance,) = json.loads(held[0].request.post_data or "")["instances"]
    assert base64.b64decode(instance["front"]["b64"]) == discs.read_bytes()
    held[0].continue_()
    expect_answer(page)


def test_text_is_pasted_into_a_field_as_anywhere(page: Page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("() => navigator.clipboard.writeText('a quiet street')")
    page.get_by_label("note").focus()
    page.keyboard.press("Control+V")
    expect(page.get_by_label("note")).to_have_value("a quiet street")
    expect(page.locator("#refusal")).to_be_hidden()


def test_clear_empties_the_form_and_forgets_the_answer(page: Page, discs: Path):
    fill(page, discs)
    predict(page)
    expect_answer(page)
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_label("area")).to_have_value("")
    expect(page.locator("#values-panel")).to_have_attribute("data-view", "empty")
    expect(page.locator("#curl")).not_to_contain_text("by the church")


def test_another_model_swaps_the_form_for_pictures_and_back(page: Page, discs: Path):
    expect(page.locator("#board")).to_be_hidden()
    expect(page.locator("#samples-field")).to_be_hidden()
    fill(page, discs)
    predict(page)
    expect_answer(page)
    page.get_by_role("combobox", name="Model").select_option("shade")
    expect(page.locator("#form")).to_be_hidden()
    pick_sample(page)
    expect(page.locator("#best")).to_be_visible()
    expect(page.locator("#curl")).to_contain_text("image=@discs.png")
    page.get_by_role("combobox", name="Model").select_option("house")
    # What was filled in, and its answer, are still there.
    expect(page.get_by_label("note")).to_have_value("by the church")
    expect(output(page, "price")).to_be_visible()
    expect(page.locator("#board")).to_be_hidden()
    page.get_by_role("combobox", name="Model").select_option("shade")
    expect_result(page)


def test_a_form_of_lists_and_of_what_may_be_left_out(page: Page, served: Server):
    models = served.ask("/models").json()["models"]
    (house,) = (model for model in models if model["name"] == "house")
    house["signatures"]["serving_default"]["inputs"] = [
        {"name": "signal", "dtype": "float32", "shape": [None, 2], "role": "number"},
        {"name": "words", "dtype": "bytes", "shape": [None], "role": "text"},
        {"name": "age", "dtype": "int64", "shape": [1], "role": "number", "is_optional": True},
        {
            "name": "town",
            "dtype": "bytes",
            "shape": [],
            "role": "text",
            "categories": ["Bergen"],
            "is_optional": True,
        },
    ]
    page.route("**/models", lambda route: route.fulfill(json={"models": models}))
    page.reload()
    expect(page.locator("#inputs .hint")).to_have_text(
        [
            "lists of any × 2 numbers",  # noqa: RUF001
            "list of texts",
            "whole number, may be left out",
            "one of 1, may be left out",
        ]
    )
    held = hold_predictions(page)
    page.get_by_label("signal").fill("[[1, 2]]")
    page.get_by_label("words").fill('["so", "so"]')
    predict(page)
    wait_for_held(page, held, 1)
    (instance,) = json.loads(held[0].request.post_data or "")["instances"]
    assert instance == {"signal": [[1, 2]], "words": ["so", "so"]}
    held[0].abort()
    expect(page.locator("#refusal")).to_be_visible()
