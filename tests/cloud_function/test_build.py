"""A build's facts are read as Google writes them, and a strange one is no success."""

from __future__ import annotations

from typing import Any

import pytest
from google.cloud.devtools import cloudbuild_v1

from rollout import build as builds
from rollout.build import Image, digest_of, moment, nanoseconds, repository_of, status
from rollout.errors import BadEventError
from tests.cloud_function.samples import REPOSITORY, a_build, build_document, digest, image


def test_two_tags_of_one_image_are_one_image():
    assert a_build().images == (Image(REPOSITORY, digest("a")),)
    assert str(a_build().images[0]) == image("a")


@pytest.mark.parametrize("known", list(cloudbuild_v1.Build.Status), ids=lambda each: each.name)
def test_every_status_that_google_knows_is_read_by_name_and_by_number(known: Any):
    assert status(known.name) == known.name
    assert status(int(known)) == known.name
    assert status(str(int(known))) == known.name


@pytest.mark.parametrize(
    "strange", [None, "", 99, {}, "PAUSED_BY_MARTIANS", "²", pytest.param("1" * 5000, id="digits")]
)
def test_a_strange_status_is_no_success_and_no_error(strange: Any):
    assert a_build(status=strange).status not in {"SUCCESS", *builds.FAILURES}


def test_builds_are_ordered_by_the_nanosecond_of_their_creation():
    earlier = a_build("b", createTime="2026-11-21T10:00:00.000000001Z", finishTime="2027-01-01")
    later = a_build("a", createTime="2026-11-21T12:00:00.000000002+02:00")
    assert earlier.order < later.order
    assert later.created_ns - earlier.created_ns == 1


def test_a_moment_is_written_so_that_texts_sort_as_times_do():
    whole, part = nanoseconds("2026-11-21T10:00:00Z"), nanoseconds("2026-11-21T10:00:00.5Z")
    assert moment(whole) == "2026-11-21T10:00:00.000000000Z" < moment(part)
    assert nanoseconds(moment(part)) == part


@pytest.mark.parametrize("created", [None, "", "yesterday", 7, "2026-13-40T10:00:00Z"])
def test_a_build_without_a_time_of_creation_is_refused(created: Any):
    with pytest.raises(BadEventError, match="createTime"):
        builds.parse(build_document(createTime=created))


@pytest.mark.parametrize(
    ("name", "repository"),
    [
        ("eu.gcr.io/p/app", "eu.gcr.io/p/app"),
        ("eu.gcr.io/p/app:v1", "eu.gcr.io/p/app"),
        ("localhost:5000/app", "localhost:5000/app"),
        ("localhost:5000/app:v1", "localhost:5000/app"),
        (f"localhost:5000/app:v1@{digest('a')}", "localhost:5000/app"),
        ("ml-model", "ml-model"),
    ],
)
def test_a_repository_is_the_name_without_tag_and_digest(name: str, repository: str):
    assert repository_of(name) == repository


def test_only_a_whole_digest_is_one():
    assert digest_of(image("a")) == digest("a")
    assert digest_of(f"{REPOSITORY}@sha256:abc") == digest_of(f"{REPOSITORY}:main") == ""


@pytest.mark.parametrize(
    "results",
    [None, [], {}, {"images": None}, {"images": ["x", {"name": "a"}, {"name": 1, "digest": 2}]}],
)
def test_a_build_whose_results_are_odd_has_no_images(results: Any):
    assert a_build(results=results).images == ()


@pytest.mark.parametrize(
    ("substitutions", "ref"),
    [
        ({"BRANCH_NAME": "main"}, "refs/heads/main"),
        ({"TAG_NAME": "v1.2.0"}, "refs/tags/v1.2.0"),
        ({"TAG_NAME": "main", "BRANCH_NAME": ""}, "refs/tags/main"),
        ({}, ""),
        (None, ""),
    ],
)
def test_a_tag_named_as_a_branch_is_not_taken_for_it(substitutions: Any, ref: str):
    assert a_build(substitutions=substitutions).ref == ref


def test_a_regional_build_knows_its_region():
    assert a_build().location == "europe-west1"
    assert a_build(name="../../evil").location == ""
