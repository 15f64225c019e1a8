"""What people do by hand on a real cluster is respected, and has commands of its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cloud_function.namespace import NAME, Namespace
from tests.cloud_function.samples import REPOSITORY

pytestmark = pytest.mark.cluster


def test_an_undo_by_hand_stays_until_a_person_resumes(namespace: Namespace):
    good = namespace.built("build-1")
    namespace.rollout("build-1")
    namespace.built("build-2")
    namespace.rollout("build-2")
    namespace.kubectl("rollout", "undo", f"deployment/{NAME}")
    namespace.settle()
    assert namespace.rollout("build-2").reason == "undone-by-hand"
    third = namespace.built("build-3")
    assert namespace.rollout("build-3").reason == "undone-by-hand"
    assert namespace.image.endswith(good)

    assert namespace.cli("resume") == 0
    assert namespace.rollout("build-2").reason == "already-decided"
    assert namespace.rollout("build-3").result == "live"
    assert namespace.image.endswith(third)


def test_an_undo_in_the_middle_of_a_rollout_ends_the_watching_without_a_word(
    namespace: Namespace,
):
    good = namespace.built("build-1")
    namespace.rollout("build-1")
    slow = namespace.built("build-2", UNREADY="1")
    with ThreadPoolExecutor(1) as pool:
        rolling = pool.submit(namespace.rollout, "build-2")
        namespace.until(lambda: namespace.image.endswith(slow), "the patch")
        namespace.kubectl("rollout", "undo", f"deployment/{NAME}")
    assert rolling.result().reason == "changed-by-hand"
    assert namespace.image.endswith(good)
    assert "RolledBack" not in namespace.events()


def test_an_undo_of_a_rollback_is_not_rolled_back_again(namespace: Namespace):
    namespace.built("build-1")
    namespace.rollout("build-1")
    bad = namespace.built("build-2", CRASH="broken")
    assert namespace.rollout("build-2").result == "rolled-back"
    namespace.kubectl("rollout", "undo", f"deployment/{NAME}")
    namespace.until(lambda: namespace.image.endswith(bad), "the undo")
    assert namespace.rollout("build-2").reason == "undone-by-hand"
    assert namespace.image.endswith(bad)


def test_an_image_set_by_hand_stays_until_a_person_resumes(namespace: Namespace):
    namespace.built("build-1")
    namespace.rollout("build-1")
    theirs = f"{REPOSITORY}@{namespace.registry.push(VERSION='theirs')}"
    namespace.kubectl("set", "image", f"deployment/{NAME}", f"{NAME}={theirs}")
    namespace.built("build-2")
    assert namespace.rollout("build-2").reason == "changed-by-hand"
    assert namespace.image == theirs
    assert "NotRolledOut" in namespace.events()


def test_an_image_set_by_hand_is_replaced_by_the_next_build_where_that_is_asked_for(
    namespace: Namespace,
):
    namespace.built("build-1")
    namespace.rollout("build-1")
    theirs = f"{REPOSITORY}@{namespace.registry.push(VERSION='theirs')}"
    namespace.kubectl("set", "image", f"deployment/{NAME}", f"{NAME}={theirs}")
    digest = namespace.built("build-2")
    assert namespace.rollout("build-2").reason == "changed-by-hand"
    assert namespace.rollout("build-2", ON_MANUAL_CHANGE="override").result == "live"
    assert namespace.image.endswith(digest)


def test_a_bad_image_stays_and_is_only_reported_where_that_is_asked_for(namespace: Namespace):
    namespace.built("build-1")
    namespace.rollout("build-1")
    bad = namespace.built("build-2", CRASH="broken")
    outcome = namespace.rollout("build-2", ON_FAILURE="report")
    assert (outcome.result, outcome.reason) == ("failed", "CrashLoopBackOff")
    assert "stays, as ON_FAILURE=report says" in outcome.detail
    assert namespace.image.endswith(bad)
    assert "RolloutFailed" in namespace.events()
    good = namespace.built("build-3")
    assert namespace.rollout("build-3", ON_FAILURE="report").result == "live"
    assert namespace.image.endswith(good)


def test_a_build_waits_for_approval_and_goes_when_it_has_it(namespace: Namespace):
    first = namespace.image
    digest = namespace.built("build-1")
    assert namespace.rollout("build-1", APPROVAL="required").result == "pending"
    assert namespace.rollout("build-1", APPROVAL="required").reason == "approval-awaited"
    assert namespace.image == first
    assert namespace.cli("approve", "build-1", APPROVAL="required") == 0
    assert namespace.image.endswith(digest)
    assert "ApprovalRequired" in namespace.events()


def test_an_approval_by_message_counts_where_that_is_allowed(namespace: Namespace):
    digest = namespace.built("build-1")
    namespace.rollout("build-1", APPROVAL="required")
    message = {"attributes": {"action": "approve", "buildId": "build-1"}, "messageId": "8"}
    assert namespace.delivery(APPROVAL="required").take({"message": message}) == []
    allowed = namespace.delivery(APPROVAL="required", COMMANDS="approve")
    (outcome,) = allowed.take({"message": message})
    assert outcome.result == "live"
    assert namespace.image.endswith(digest)


def test_an_approval_by_annotation_is_found_by_reconcile(namespace: Namespace):
    digest = namespace.built("build-1")
    namespace.rollout("build-1", APPROVAL="required")
    namespace.kubectl("annotate", "deployment", NAME, "slipway.dev/approved=build-1")
    assert namespace.cli("reconcile", APPROVAL="required") == 0
    assert namespace.image.endswith(digest)


def test_a_hold_by_annotation_or_command_stops_deployments_until_resumed(namespace: Namespace):
    namespace.built("build-1")
    namespace.kubectl("annotate", "deployment", NAME, "slipway.dev/hold=launch day")
    outcome = namespace.rollout("build-1")
    assert (outcome.reason, outcome.detail) == ("held", "held: launch day")
    assert namespace.cli("resume") == 0
    assert namespace.rollout("build-1").result == "live"
    assert namespace.cli("hold", "not before noon") == 0
    namespace.built("build-2")
    assert namespace.rollout("build-2").detail == "held: not before noon"


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
