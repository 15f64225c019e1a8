"""Artifact Registry as the function asks it: is an image there, and whose are the tags."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rollout.errors import TransientError
from rollout.gcp import GoogleApis
from rollout.registry import Registry
from tests.cloud_function.border import Border, BuildApi
from tests.cloud_function.samples import REPOSITORY

LIVE, BEFORE = "sha256:" + "1" * 64, "sha256:" + "2" * 64
PACKAGE = "projects/my-project/locations/europe-west1/repositories/slipway/packages/ml-model"


@pytest.fixture
def api() -> BuildApi:
    return BuildApi()


@pytest.fixture
def border(api: BuildApi) -> Iterator[Border]:
    with Border(api.answer) as opened:
        yield opened


def _registry(border: Border, *, is_on: bool = True) -> Registry:
    return Registry(GoogleApis(), border.url, is_on)


def test_tags_are_made_where_there_are_none_and_moved_where_there_are(
    api: BuildApi, border: Border
):
    for live in (BEFORE, LIVE):
        _registry(border).tag(live=f"{REPOSITORY}@{live}", previous=f"{REPOSITORY}@{BEFORE}")
        assert api.tags == {"live": live, "previous": BEFORE}
    moved = border.requests[-2]
    assert (moved.method, moved.path) == ("PATCH", f"/v1/{PACKAGE}/tags/live?updateMask=version")
    assert moved.body == {
        "name": f"{PACKAGE}/tags/live",
        "version": f"{PACKAGE}/versions/{LIVE}",
    }


def test_an_image_in_a_folder_is_one_name_to_the_api(border: Border):
    _registry(border).lacks(f"{REPOSITORY}/gpu@{LIVE}")
    assert border.requests[0].path == f"/v1/{PACKAGE}%2Fgpu/versions/{LIVE}"


def test_only_what_the_api_does_not_know_is_gone(api: BuildApi, border: Border):
    registry = _registry(border)
    assert not registry.lacks(f"{REPOSITORY}@{LIVE}")
    api.gone.add(LIVE)
    assert registry.lacks(f"{REPOSITORY}@{LIVE}")
    api.failing = 403
    assert not registry.lacks(f"{REPOSITORY}@{LIVE}")


@pytest.mark.parametrize(
    ("image", "is_on"),
    [
        pytest.param(f"{REPOSITORY}@{LIVE}", False, id="nobody wants it"),
        pytest.param(f"eu.gcr.io/p/ml-model@{LIVE}", True, id="another registry"),
        pytest.param(f"{REPOSITORY}:main", True, id="a tag"),
        pytest.param("", True, id="none"),
    ],
)
def test_nothing_is_asked_where_there_is_nothing_to_ask(border: Border, image: str, is_on: bool):
    registry = _registry(border, is_on=is_on)
    registry.tag(live=image)
    assert not registry.lacks(image)
    assert border.requests == []


def test_without_the_right_to_move_tags_the_reason_is_told(api: BuildApi, border: Border):
    api.failing = 403
    with pytest.raises(TransientError, match="tags/live answers 403: told to fail"):
        _registry(border).tag(live=f"{REPOSITORY}@{LIVE}")
