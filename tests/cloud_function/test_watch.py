"""How far a rollout is, by what the API server and the pods say of it."""

from __future__ import annotations

from typing import Any

import pytest

from rollout.deployment import DeploymentSnapshot
from rollout.progress import Progress, Verdict
from rollout.watch import TemplateAge, assess
from tests.cloud_function.samples import deployment, image, replica_set, waiting_pod

NEW = replica_set(2, image("b"))


def _assessed(
    *pods: dict[str, Any], generation: int = 2, conditions: Any = (), **status: int
) -> Progress:
    seen = deployment(image("b"))
    seen["metadata"]["generation"] = generation
    seen["status"] |= status | {"conditions": list(conditions)}
    return assess(DeploymentSnapshot(seen, (NEW, replica_set(1, image("a"), available=3))), pods)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        pytest.param({"updatedReplicas": 1}, "1 of 3 new pods made", id="being made"),
        pytest.param({"replicas": 4}, "1 old pods end", id="old ones end"),
        pytest.param({"availableReplicas": 2}, "2 of 3 new pods available", id="not available"),
    ],
)
def test_a_rollout_goes_on_as_kubectl_says(status: dict[str, int], message: str):
    assert _assessed(**status) == Progress(Verdict.ROLLING, "Progressing", message)


def test_a_rollout_is_complete_when_only_new_pods_are_there_and_available():
    assert _assessed().verdict == Verdict.COMPLETE
    assert _assessed(replicas=0, updatedReplicas=0, availableReplicas=0).verdict == Verdict.ROLLING


def test_what_the_controller_has_not_seen_yet_is_never_complete_nor_failed():
    late = {"type": "Progressing", "reason": "ProgressDeadlineExceeded"}
    assert _assessed(generation=3, conditions=[late]).verdict == Verdict.ROLLING


def test_annotations_set_all_the_time_do_not_hide_that_a_rollout_is_complete():
    age = TemplateAge()
    for generation in range(2, 9):
        seen = deployment(image("b"))
        seen["metadata"]["generation"] = generation
        progress = assess(DeploymentSnapshot(seen, (NEW,)), since=age.since(seen))
        assert progress.verdict == Verdict.COMPLETE


def test_a_template_changed_in_mid_rollout_must_be_seen_before_its_rollout_is_complete():
    age = TemplateAge()
    assert age.since(deployment(image("b"))) == 2
    changed = deployment(image("b"))
    changed["metadata"]["generation"] = 3
    changed["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "THEIRS", "value": "1"}]
    progress = assess(DeploymentSnapshot(changed, (NEW,)), since=age.since(changed))
    assert (progress.verdict, progress.reason) == (Verdict.ROLLING, "Unobserved")


MISSING = 'rpc error: code = NotFound desc = failed to resolve: "app@sha256:1": not found'


@pytest.mark.parametrize(
    ("pod", "verdict"),
    [
        pytest.param(
            waiting_pod({"reason": "ImagePullBackOff", "message": MISSING}),
            Verdict.FAILED,
            id="missing",
        ),
        pytest.param(
            waiting_pod({"reason": "ImagePullBackOff", "message": "i/o timeout"}),
            Verdict.TROUBLED,
            id="registry away",
        ),
        pytest.param(
            waiting_pod({"reason": "InvalidImageName"}), Verdict.FAILED, id="invalid name"
        ),
        pytest.param(
            waiting_pod(
                {"reason": "CreateContainerConfigError", "message": 'configmap "x" not found'}
            ),
            Verdict.TROUBLED,
            id="no ConfigMap yet",
        ),
        pytest.param(
            waiting_pod({"reason": "CrashLoopBackOff"}, 1), Verdict.TROUBLED, id="one crash"
        ),
        pytest.param(
            waiting_pod({"reason": "CrashLoopBackOff"}, 2), Verdict.FAILED, id="crash loop"
        ),
        pytest.param(waiting_pod({"reason": "ContainerCreating"}), Verdict.ROLLING, id="starting"),
    ],
)
def test_what_cannot_heal_has_failed_at_once_and_what_can_is_trouble(pod: Any, verdict: Verdict):
    assert _assessed(pod, availableReplicas=2).verdict == verdict


def test_a_crash_is_told_in_the_containers_own_words():
    last = {"exitCode": 3, "reason": "Error", "message": "no weights\nin /models"}
    progress = _assessed(
        waiting_pod({"reason": "CrashLoopBackOff"}, 2, last=last), availableReplicas=2
    )
    assert progress.message == (
        "pod ml-model-2-x, container ml-model: CrashLoopBackOff: "
        "ended with status 3 (Error): no weights in /models"
    )


def test_old_pods_troubles_and_those_of_pods_that_leave_are_not_the_rollouts():
    old = waiting_pod({"reason": "InvalidImageName"}, revision=1)
    leaving = waiting_pod({"reason": "InvalidImageName"})
    leaving["metadata"]["deletionTimestamp"] = "2026-11-21T10:00:00Z"
    assert _assessed(old, leaving, availableReplicas=2).verdict == Verdict.ROLLING


def test_pods_that_never_become_ready_fail_at_the_deadline_with_their_condition():
    condition = {"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "timed"}
    pod = waiting_pod({})
    pod["status"]["conditions"] = [
        {"type": "Ready", "status": "False", "message": "containers with unready status: [x]"}
    ]
    progress = _assessed(pod, conditions=[condition], availableReplicas=2)
    assert progress.verdict == Verdict.FAILED
    assert "pod ml-model-2-x: containers with unready status: [x]" in progress.message


def test_pods_that_an_admission_policy_forbids_are_trouble_with_its_words():
    denied = {
        "type": "ReplicaFailure",
        "status": "True",
        "reason": "FailedCreate",
        "message": "denied by Binary Authorization",
    }
    progress = _assessed(conditions=[denied], updatedReplicas=0)
    assert progress == Progress(Verdict.TROUBLED, "FailedCreate", denied["message"])


def test_a_container_put_in_to_debug_is_no_trouble_of_the_rollouts():
    pod = waiting_pod({"reason": "InvalidImageName"})
    pod["status"]["ephemeralContainerStatuses"] = pod["status"].pop("containerStatuses")
    assert _assessed(pod, availableReplicas=2).verdict == Verdict.ROLLING
