"""The table of decisions: each build on each state of a Deployment, with the reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rollout.build import moment
from rollout.decision import Action, Circumstances, Decision, decide
from rollout.deployment import DeploymentSnapshot
from rollout.snapshot import Snapshot
from tests.cloud_function.samples import (
    REPOSITORY,
    a_build,
    a_target,
    deployment,
    digest,
    image,
    replica_set,
    rolled_out,
)

NOW = Circumstances(now_s=1_800_000_000)
FRESH = DeploymentSnapshot(deployment())
SUBSTITUTIONS = dict(a_build().substitutions)


def decided(
    build: Any, snapshot: Snapshot = FRESH, now: Circumstances = NOW, **variables: str
) -> Decision:
    return decide(build, snapshot, a_target(**variables), now)


def test_a_first_build_is_rolled_out_by_its_digest():
    decision = decided(a_build())
    assert (decision.action, str(decision.image)) == (Action.ROLL, image("a"))


@pytest.mark.parametrize(
    ("changes", "variables", "reason"),
    [
        pytest.param({"status": "FAILURE"}, {}, "build-failed", id="failed"),
        pytest.param({"status": "WORKING"}, {}, "not-successful", id="working"),
        pytest.param({"status": "???"}, {}, "not-successful", id="unknown status"),
        pytest.param(
            {"substitutions": SUBSTITUTIONS | {"_PR_NUMBER": "7"}}, {}, "pull-request", id="PR"
        ),
        pytest.param(
            {"status": "FAILURE", "substitutions": SUBSTITUTIONS | {"_PR_NUMBER": "7"}},
            {},
            "pull-request",
            id="failed PR",
        ),
        pytest.param(
            {"substitutions": {}, "buildTriggerId": ""}, {}, "no-trigger", id="submitted by hand"
        ),
        pytest.param(
            {"buildTriggerId": ""}, {}, "no-trigger", id="by hand, dressed as a trigger's"
        ),
        pytest.param({}, {"TRIGGERS": "nightly other"}, "other-trigger", id="other trigger"),
        pytest.param({}, {"REFS": "refs/heads/release"}, "other-ref", id="other ref"),
        pytest.param({}, {"REFS": "refs/heads/mai"}, "other-ref", id="ref only in part"),
        pytest.param({}, {"SOURCE_REPOSITORIES": "acme/other"}, "other-source", id="source"),
        pytest.param({}, {"IMAGE_REPOSITORY": "eu.gcr.io/a/b"}, "other-image", id="image"),
        pytest.param({"results": {}}, {}, "no-image", id="no image"),
        pytest.param({}, {"CONTAINER": "sidecar"}, "no-container", id="no such container"),
    ],
)
def test_a_build_that_is_not_ours_is_left_alone(
    changes: dict[str, Any], variables: dict[str, str], reason: str
):
    decision = decided(a_build(**changes), **variables)
    assert decision.reason == reason
    assert decision.action in (Action.SKIP, Action.REFUSE)


def test_a_build_without_pushed_images_is_refused_with_the_cure():
    decision = decided(a_build(results={}))
    assert decision.action == Action.REFUSE
    assert "`images:` at the top level of cloudbuild.yaml" in decision.detail


def test_an_image_of_ours_only_in_an_init_container_is_rolled_out_with_or_without_its_name():
    migrating = deployment("eu.gcr.io/p/web:v1")
    migrating["spec"]["template"]["spec"]["initContainers"] = [{"name": "m", "image": image("0")}]
    found = DeploymentSnapshot(migrating)
    assert decided(a_build(), found).action == Action.ROLL
    assert decided(a_build(), found, CONTAINER="m").action == Action.ROLL
    assert decided(a_build(), found, CONTAINER="m", IMAGE_REPOSITORY=REPOSITORY).action == (
        Action.ROLL
    )
    assert decided(a_build(), found, CONTAINER="ml-model").reason == "other-image"


def test_two_digests_of_one_repository_are_refused_and_not_guessed():
    results = {
        "images": [{"name": f"{REPOSITORY}:{each}", "digest": digest(each)} for each in "ab"]
    }
    assert decided(a_build(results=results)).reason == "ambiguous-image"


@pytest.mark.parametrize(
    "variables",
    [
        {"TRIGGERS": "nightly, push-to-main"},
        {"TRIGGERS": "trigger-1"},
        {"REFS": "refs/tags/v.* refs/heads/.*"},
        {"SOURCE_REPOSITORIES": "acme/street"},
        {"IMAGE_REPOSITORY": REPOSITORY},
        {"CONTAINER": "ml-model"},
    ],
    ids=str,
)
def test_a_build_that_is_ours_by_what_is_configured_is_rolled_out(variables: dict[str, str]):
    assert decided(a_build(), **variables).action == Action.ROLL


def test_a_build_by_hand_is_deployed_only_where_that_is_allowed():
    by_hand = a_build(substitutions={}, buildTriggerId="")
    allowed = replace(NOW, allow_manual_builds=True)
    assert decided(by_hand, now=allowed).action == Action.ROLL


def test_a_placeholder_is_replaced_where_the_repository_is_configured():
    fresh = DeploymentSnapshot(deployment("ml-model"))
    assert decided(a_build(), fresh).reason == "other-image"
    assert decided(a_build(), fresh, IMAGE_REPOSITORY=REPOSITORY).action == Action.ROLL


@pytest.mark.parametrize(
    ("state", "action", "reason"),
    [
        ("rolling", Action.WATCH, "rolling"),
        ("live", Action.SKIP, "already-live"),
        ("rolled-back", Action.SKIP, "already-decided"),
        ("failed", Action.SKIP, "already-decided"),
    ],
)
def test_the_same_build_again_is_watched_or_left(state: str, action: Action, reason: str):
    decision = decided(a_build(), rolled_out(state=state))
    assert (decision.action, decision.reason) == (action, reason)


@pytest.mark.parametrize("state", ["rolling", "live", "rolled-back", "failed"])
def test_older_build_does_not_replace_newer_one(state: str):
    newer = rolled_out("b", minute=5, state=state)
    assert decided(a_build("a", minute=4), newer).reason == "superseded"
    assert decided(a_build("c", minute=6), newer).action == Action.ROLL


def test_of_two_builds_of_the_same_moment_the_same_one_always_wins():
    assert decided(a_build("c", minute=5), rolled_out("b", minute=5)).action == Action.ROLL
    assert decided(a_build("b", minute=5), rolled_out("c", minute=5)).reason == "superseded"


def test_a_digest_that_failed_is_refused_also_from_another_build():
    failed = rolled_out("0", quarantined=f"{digest('9')} {digest('a')}")
    decision = decided(a_build("a", minute=9), failed)
    assert (decision.action, decision.reason) == (Action.REFUSE, "quarantined")


def test_a_hold_stops_deployments_with_its_own_words():
    decision = decided(a_build("b", minute=9), rolled_out(hold="launch day"))
    assert (decision.reason, decision.detail) == ("held", "held: launch day")


def test_a_paused_deployment_is_left_alone():
    paused = deployment()
    paused["spec"]["paused"] = True
    assert decided(a_build(), DeploymentSnapshot(paused)).reason == "paused"


def _changed_by_hand() -> Snapshot:
    snapshot = rolled_out("a")
    return DeploymentSnapshot(snapshot.deployment | {"spec": deployment(image("f"))["spec"]})


def _undone_by_hand() -> Snapshot:
    """As `kubectl rollout undo` leaves it: the old ReplicaSet's annotations are back as well."""
    undone = rolled_out("a", minute=1, serial="2")
    left = rolled_out("b", minute=5, serial="7").deployment["metadata"]["annotations"]
    was_left = replica_set(2, image("b"))
    was_left["metadata"]["annotations"] = left
    return DeploymentSnapshot(undone.deployment, (was_left,))


@pytest.mark.parametrize(
    ("snapshot", "reason"),
    [
        pytest.param(_changed_by_hand(), "changed-by-hand", id="set image"),
        pytest.param(_undone_by_hand(), "undone-by-hand", id="rollout undo"),
    ],
)
def test_what_a_person_did_by_hand_stays_unless_configured_otherwise(
    snapshot: Snapshot, reason: str
):
    newest = a_build("c", minute=9)
    assert decided(newest, snapshot).reason == reason
    assert decided(newest, snapshot, ON_MANUAL_CHANGE="override").action == Action.ROLL


def test_a_message_that_comes_again_after_an_undo_does_not_undo_it():
    assert decided(a_build("b", minute=5), _undone_by_hand()).reason == "undone-by-hand"


def test_force_is_stronger_than_every_rule_but_a_broken_build():
    force = replace(NOW, force=True)
    held = rolled_out("b", minute=5, hold="no", quarantined=digest("a"))
    assert decided(a_build("a", minute=1), held, force).action == Action.ROLL
    assert decided(a_build(), _undone_by_hand(), force).action == Action.ROLL
    assert decided(a_build(status="FAILURE"), now=force).reason == "not-successful"
    assert decided(a_build(results={}), now=force).reason == "no-image"


def test_a_build_that_a_person_overruled_stays_so_and_a_newer_one_goes():
    overruled = a_build("b", minute=5)
    mark = f"{moment(overruled.created_ns)} {overruled.id}"
    forced = rolled_out("a", minute=1, overruled=mark)
    assert decided(overruled, forced).reason == "superseded"
    assert decided(a_build("c", minute=3), forced).reason == "superseded"
    assert decided(a_build("c", minute=6), forced).action == Action.ROLL


def _pending(letter: str, minute: int, expires_s: int, approved: str = "") -> Snapshot:
    build = a_build(letter, minute)
    pending = (
        f'{{"build": "{build.id}", "image": "{image(letter)}", '
        f'"created": "{moment(build.created_ns)}", "expires": "{moment(expires_s * 10**9)}"}}'
    )
    return rolled_out("0", minute=0, pending=pending, approved=approved)


def test_where_approval_is_required_a_build_is_asked_for_awaited_approved_or_expires():
    later, sooner = int(NOW.now_s) + 60, int(NOW.now_s) - 60
    build = a_build("b", minute=5)

    def reason(snapshot: Snapshot) -> str:
        return decided(build, snapshot, APPROVAL="required").reason

    assert decided(build, APPROVAL="required").action == Action.ASK
    assert reason(_pending("b", 5, later)) == "approval-awaited"
    assert reason(_pending("b", 5, later, approved="build-b")) == "newer"
    assert reason(_pending("b", 5, later, approved="build-a")) == "approval-awaited"
    assert reason(_pending("b", 5, sooner, approved="build-b")) == "approval-expired"
    assert reason(_pending("c", 6, later)) == "superseded"
    assert reason(_pending("a", 4, later)) == "approval-required"
