"""What people change by hand on a real cluster stays, and a failure may only be reported."""

from __future__ import annotations

import pytest

from tests.cloud_function.namespace import NAME, Namespace
from tests.cloud_function.samples import REPOSITORY

pytestmark = pytest.mark.cluster

MISSING = "sha256:" + "0" * 64


def test_an_undo_of_a_rollback_is_not_rolled_back_again(namespace: Namespace):
    namespace.built("build-1")
    namespace.rollout("build-1")
    namespace.announced("build-2", MISSING)
    assert namespace.rollout("build-2").result == "rolled-back"
    namespace.kubectl("rollout", "undo", f"deployment/{NAME}")
    namespace.until(lambda: namespace.image.endswith(MISSING), "the undo")
    assert namespace.rollout("build-2").reason == "undone-by-hand"
    assert namespace.image.endswith(MISSING)


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
    namespace.announced("build-2", MISSING)
    outcome = namespace.rollout("build-2", ON_FAILURE="report")
    assert outcome.result == "failed"
    assert "stays, as ON_FAILURE=report says" in outcome.detail
    assert namespace.image.endswith(MISSING)
    assert "RolloutFailed" in namespace.events()
    good = namespace.built("build-3")
    assert namespace.rollout("build-3", ON_FAILURE="report").result == "live"
    assert namespace.image.endswith(good)
