"""`python -m rollout` on a real cluster: plan, apply, status, rollback, resume."""

from __future__ import annotations

import pytest

from tests.cloud_function.namespace import NAME, Namespace
from tests.cloud_function.samples import REPOSITORY

pytestmark = pytest.mark.cluster


def test_a_rollback_by_hand_brings_back_the_image_before_and_refuses_what_was_left(
    namespace: Namespace,
):
    good = namespace.built("build-1")
    namespace.rollout("build-1")
    left = namespace.built("build-2")
    namespace.rollout("build-2")
    assert namespace.cli("rollback", "--reason", "masks are off") == 0
    assert namespace.image.endswith(good)
    namespace.announced("build-3", left)
    assert namespace.rollout("build-3").reason == "quarantined"
    assert "masks are off" in namespace.kubectl("describe", "deployment", NAME)
    assert namespace.cli("resume", "--digest", left) == 0
    assert namespace.rollout("build-3").result == "live"


def test_plan_says_what_would_be_done_and_status_what_is_live(namespace: Namespace):
    digest = namespace.built("build-1")
    planned = namespace.answer("plan", "build-1")
    assert (planned["result"], planned["image"]) == ("roll", f"{REPOSITORY}@{digest}")
    assert namespace.answer("apply", "build-1", "--dry-run")["result"] == "planned"
    assert namespace.revision == 1
    assert namespace.answer("apply", "build-1")["result"] == "live"
    status = namespace.answer("status")
    assert (status["result"], status["reason"]) == ("complete", "live")
    assert status["image"] == f"{REPOSITORY}@{digest}"
    assert "slipway.dev/build-id=build-1" in status["detail"]
    assert namespace.answer("plan", "build-1")["reason"] == "already-live"


def test_an_older_build_put_over_a_newer_one_by_force_stays_until_there_is_a_newer_one(
    namespace: Namespace,
):
    older = namespace.built("build-1", minute=1)
    namespace.built("build-2", minute=2)
    namespace.rollout("build-2")
    assert namespace.answer("apply", "build-1")["reason"] == "superseded"
    assert namespace.answer("apply", "build-1", "--force")["result"] == "live"
    assert namespace.image.endswith(older)
    assert namespace.rollout("build-2").reason == "superseded"
    assert namespace.cli("reconcile") == 0
    assert namespace.image.endswith(older)
    newest = namespace.built("build-3", minute=3)
    assert namespace.rollout("build-3").result == "live"
    assert namespace.image.endswith(newest)
