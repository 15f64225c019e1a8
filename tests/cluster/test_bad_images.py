"""Images that are no good: what served before serves on, and people can read why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cloud_function.images import Images
from tests.cloud_function.namespace import NAME
from tests.cloud_function.samples import REPOSITORY
from tests.cluster.site import Site
from tests.cluster.traffic import from_here

pytestmark = pytest.mark.cluster

MISSING = "sha256:" + "0" * 64


def _roll_back(site: Site, images: Images, log: Path, digest: str, *, complaint: str = "") -> str:
    """Publish the build `bad` under traffic; return what `kubectl describe` says afterwards.

    The deadline, which would pass later, is cut short at a `complaint` of the kubelet.
    """
    first = site.image
    site.answers_as("first")
    with from_here(images.program, site.node_port(), log) as traffic:
        site.publish("bad")
        if complaint:
            site.until(lambda: complaint in site.complaints(digest), complaint, limit_s=120)
            site.give_up_after(1)
        # Where pods start slowly the function is asked again in between.
        site.ended("rolled-back")
        site.settle()
        report = traffic.report()
    for way in report.values():
        assert way["failures"] == []
        assert set(way["versions"]) == {"first"}
        assert way["answered"] > 20
    assert site.image == first
    assert site.serving() == {first}
    described = site.kubectl("describe", "deployment", NAME)
    assert f"slipway.dev/quarantined: {digest}" in described
    assert "RolledBack" in described
    return described


def test_an_image_that_does_not_exist_is_taken_back_and_quarantined(
    site: Site, images: Images, tmp_path: Path
):
    site.announced("bad", MISSING)
    described = _roll_back(site, images, tmp_path / "load.log", MISSING)
    assert "ErrImagePull" in described or "ImagePullBackOff" in described
    assert "not found" in described


def test_a_server_that_crashes_is_taken_back_with_its_own_last_words(
    site: Site, images: Images, tmp_path: Path
):
    digest = site.built("bad", CRASH="no weights in /models")
    described = _roll_back(site, images, tmp_path / "load.log", digest)
    assert "CrashLoopBackOff" in described
    assert "no weights in /models" in described


def test_a_model_that_is_never_ready_gets_no_request_and_is_taken_back(
    site: Site, images: Images, tmp_path: Path
):
    site.give_up_after(600)
    digest = site.built("bad", UNREADY="1")
    described = _roll_back(site, images, tmp_path / "load.log", digest, complaint="statuscode: 503")
    assert "ProgressDeadlineExceeded" in described
    assert "statuscode: 503" in described


def test_an_image_that_comes_back_and_is_gone_from_the_registry_is_told(site: Site):
    site.build_api.gone.add(site.image.rpartition("@")[2])
    site.announced("bad", MISSING)
    site.publish("bad")
    assert site.outcomes(1)[0][0] == "rolled-back"
    told = "but it is gone from the registry: pods on nodes that do not have it cannot start"
    assert told in site.kubectl("describe", "deployment", NAME)


def test_a_quarantined_digest_is_refused_in_a_newer_build_too(site: Site):
    site.announced("bad", MISSING)
    site.publish("bad")
    site.outcomes(1)
    before = site.deployment()["spec"]
    site.announced("bad-again", MISSING)
    site.publish("bad-again")
    assert site.outcomes(2)[1] == ("refused", "quarantined")
    site.publish("bad")
    assert site.outcomes(3)[2] == ("skipped", "already-decided")
    assert json.dumps(site.deployment()["spec"]) == json.dumps(before)


def test_a_good_build_after_a_bad_one_goes_live(site: Site):
    site.announced("bad", MISSING)
    site.publish("bad")
    site.outcomes(1)
    digest = site.built("good")
    site.publish("good")
    assert site.outcomes(2)[1] == ("live", "complete")
    assert site.image == f"{REPOSITORY}@{digest}"
    site.answers_as("good")
