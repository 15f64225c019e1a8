"""Which model a request means, and when traffic may come."""

from __future__ import annotations

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
FAILED, LOADING = entry("notes", "failed"), entry("slow", "loading")


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        pytest.param([FOO], FOO, id="the only one"),
        pytest.param([DEMO], DEMO, id="the demo alone"),
        pytest.param([DEMO, FOO], FOO, id="the demo steps aside"),
        pytest.param([FAILED, FOO], FOO, id="one that failed steps aside"),
        pytest.param([DEMO, LOADING], LOADING, id="the demo steps aside for one still loading"),
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


@pytest.mark.parametrize(
    ("entries", "default_model", "expected"),
    [
        pytest.param([FOO, DEMO], None, (True, "ready"), id="all ready"),
        pytest.param([FOO, FAILED], None, (True, "ready"), id="one that failed is no hindrance"),
        pytest.param([FOO, LOADING], None, (False, "slow version 1 is loading"), id="loading"),
        pytest.param(
            [FOO, GOLDEN], None, (False, "g version 1 failed: golden a.png: no"), id="golden"
        ),
        pytest.param([FAILED], None, (False, "notes version 1 failed: broken"), id="none serves"),
        pytest.param([], None, (False, "the model repository holds no model"), id="no model"),
        pytest.param(
            [FOO, FAILED],
            "notes",
            (False, "DEFAULT_MODEL=notes: notes version 1 failed: broken"),
            id="the default failed",
        ),
        pytest.param(
            [FOO],
            "bar",
            (False, "DEFAULT_MODEL=bar: there is no model 'bar'; there is foo"),
            id="no such default",
        ),
    ],
)
def test_readiness_gives_its_reason(
    entries: list[Entry], default_model: str | None, expected: tuple[bool, str]
):
    assert readiness(entries, default_model) == expected
