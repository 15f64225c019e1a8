"""Where a person has to approve a build on a real cluster: by command, message or annotation."""

from __future__ import annotations

import pytest

from tests.cloud_function.namespace import NAME, Namespace

pytestmark = pytest.mark.cluster


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
