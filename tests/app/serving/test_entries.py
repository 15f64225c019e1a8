"""Which model a request means, and when traffic may come."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.serving.entries import Entry, choose, default_entry, readiness
from app.serving.errors import ModelAmbiguous, ModelNotFound, ModelNotReady, VersionNotFound
from app.serving.layout import Found


def entry(name: str, state: str = "ready", *, version: int = 1, **options: object) -> Entry:
    found = Found(name, version, Path())
    return Entry(found, state, options, error="broken" if state == "failed" else None)


FOO, BAR = entry("foo"), entry("bar")
DEMO = entry("demo", fallback=True)
NAMED = entry("iris", default=False)
FAILED, LOADING = entry("notes", "failed"), entry("slow", "loading")


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        pytest.param([FOO], FOO, id="the only one"),
        pytest.param([DEMO], DEMO, id="the demo alone"),
        pytest.param([DEMO, FOO], FOO, id="the demo steps aside"),
        pytest.param([FAILED, FOO], FOO, id="one that failed steps aside"),
        pytest.param([DEMO, LOADING], LOADING, id="the demo steps aside for one still loading"),
        pytest.param([DEMO, NAMED], DEMO, id="what is never the default, for a demo"),
        pytest.param([NAMED, FOO], FOO, id="what is never the default, for a model"),
        pytest.param([NAMED], NAMED, id="what is never the default alone"),
        pytest.param([DEMO, FAILED], FAILED, id="the demo never answers for one that failed"),
    ],
)
def test_a_request_without_a_name_means_the_one_left(entries: list[Entry], expected: Entry):
    assert default_entry(entries, None) is expected


def test_default_model_goes_before_all_rules():
    assert default_entry([FOO, BAR, DEMO], "demo") is DEMO


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param([FOO, BAR], id="two"),
        pytest.param([FOO, LOADING], id="two, one still loading"),
        pytest.param([DEMO, entry("other", fallback=True)], id="two fallbacks"),
    ],
)
def test_several_models_and_no_name_are_ambiguous(entries: list[Entry]):
    with pytest.raises(ModelAmbiguous) as refusal:
        choose(entries, None, None, None)
    assert refusal.value.names == [one.name for one in entries]


def test_an_empty_repository_is_not_ready():
    with pytest.raises(ModelNotReady, match="holds no model"):
        choose([], None, None, None)


def test_two_that_failed_are_both_told():
    with pytest.raises(ModelNotReady, match="notes version 1 failed: broken; other version"):
        choose([FAILED, entry("other", "failed")], None, None, None)


def test_an_unknown_name_is_told_with_the_known_ones():
    with pytest.raises(ModelNotFound, match="no model 'baz'; there is foo, bar"):
        choose([FOO, BAR], "baz", None, None)


def test_a_version_that_is_not_loaded_is_told_with_the_loaded_one():
    with pytest.raises(VersionNotFound, match=r"version 2 of model 'foo' .* loaded is 1"):
        choose([FOO], "foo", 2, None)


def test_the_version_can_be_named():
    assert choose([FOO, BAR], "foo", 1, None) is FOO


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        pytest.param(LOADING, "slow version 1 is loading", id="loading"),
        pytest.param(FAILED, "notes version 1 failed: broken", id="failed"),
    ],
)
def test_a_model_that_does_not_serve_says_why(asked: Entry, reason: str):
    with pytest.raises(ModelNotReady, match=reason):
        choose([FOO, asked], asked.name, None, None)


GOLDEN = Entry(Found("g", 1, Path()), "failed", error="golden a.png: no", has_failed_golden=True)
COMING = replace(entry("new", "loading"), is_update=True)
BROUGHT = replace(entry("new", "failed"), is_update=True)
READY, EMPTY = (True, "ready"), (False, "the model repository holds no model")
IS_LOADING = (False, "slow version 1 is loading")
HAS_FAILED = (False, "notes version 1 failed: broken")
IS_UNFAITHFUL = (False, "g version 1 failed: golden a.png: no")


@pytest.mark.parametrize(
    ("entries", "default_model", "expected", "expected_of_all"),
    [
        pytest.param([FOO, DEMO], None, READY, READY, id="all serve"),
        pytest.param([FOO, BAR], None, READY, READY, id="each request has to name one"),
        pytest.param([FOO, FAILED], None, READY, HAS_FAILED, id="one beside the default failed"),
        pytest.param([DEMO, FAILED], None, HAS_FAILED, HAS_FAILED, id="beside a demo one failed"),
        pytest.param([DEMO, FAILED], "demo", READY, HAS_FAILED, id="the demo is asked for"),
        pytest.param([FOO, LOADING], None, IS_LOADING, IS_LOADING, id="loading"),
        pytest.param([FAILED, LOADING], None, IS_LOADING, IS_LOADING, id="failed, and loading"),
        pytest.param([FOO, GOLDEN], None, IS_UNFAITHFUL, IS_UNFAITHFUL, id="a golden failed"),
        pytest.param([FAILED], None, HAS_FAILED, HAS_FAILED, id="none serves"),
        pytest.param([FOO, COMING], None, READY, READY, id="another comes while one serves"),
        pytest.param([FOO, BROUGHT], None, READY, READY, id="another came and has failed"),
        pytest.param(
            [DEMO, COMING],
            None,
            (False, "new version 1 is loading"),
            (False, "new version 1 is loading"),
            id="what comes is the default, beside a demo",
        ),
        pytest.param([], None, EMPTY, EMPTY, id="no model"),
        pytest.param(
            [FOO, FAILED],
            "notes",
            (False, f"DEFAULT_MODEL=notes: {HAS_FAILED[1]}"),
            HAS_FAILED,
            id="the default failed",
        ),
        pytest.param(
            [FOO],
            "bar",
            (False, "DEFAULT_MODEL=bar: there is no model 'bar'; there is foo"),
            (False, "DEFAULT_MODEL=bar: there is no model 'bar'; there is foo"),
            id="no such default",
        ),
    ],
)
def test_traffic_comes_once_the_default_serves_or_with_all_every_model(
    entries: list[Entry],
    default_model: str | None,
    expected: tuple[bool, str],
    expected_of_all: tuple[bool, str],
):
    assert readiness(entries, default_model) == expected
    assert readiness(entries, default_model, wants_all=True) == expected_of_all
