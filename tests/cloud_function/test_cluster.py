"""Rollouts on a real cluster, with exactly the Role that the manifests ship."""

from __future__ import annotations

import threading

import pytest
import yaml

from rollout.errors import TransientError
from tests.cloud_function.border import Border
from tests.cloud_function.namespace import NAME, Namespace
from tests.cloud_function.samples import push

pytestmark = pytest.mark.cluster

MISSING = "sha256:" + "0" * 64


def test_only_images_and_annotations_are_ours_by_the_api_servers_own_account(
    namespace: Namespace,
):
    namespace.built("build-1")
    namespace.rollout("build-1")
    shown = namespace.kubectl("get", "deployment", NAME, "-o", "json", "--show-managed-fields")
    (ours,) = [
        entry["fieldsV1"]
        for entry in yaml.safe_load(shown)["metadata"]["managedFields"]
        if entry["manager"] == "onNewImage"
    ]
    assert set(ours) == {"f:metadata", "f:spec"}
    assert set(ours["f:metadata"]) == {"f:annotations"}
    containers = ours["f:spec"]["f:template"]["f:spec"]["f:containers"]
    assert containers == {f'k:{{"name":"{NAME}"}}': {"f:image": {}}}
    assert list(ours["f:spec"]) == ["f:template"]


def test_a_deployment_that_changes_all_the_time_is_decided_on_anew_each_time(
    namespace: Namespace,
):
    namespace.built("build-1")
    is_over = threading.Event()

    def disturb() -> None:
        number = 0
        while not is_over.is_set():
            number += 1
            namespace.kubectl("annotate", "deployment", NAME, f"theirs={number}", "--overwrite")

    disturbing = threading.Thread(target=disturb)
    disturbing.start()
    try:
        assert namespace.rollout("build-1").result == "live"
    finally:
        is_over.set()
        disturbing.join()


def test_when_a_build_overtakes_a_broken_one_going_back_means_to_what_served(
    namespace: Namespace,
):
    good = namespace.built("build-1")
    namespace.rollout("build-1")
    namespace.built("build-2", UNREADY="1")
    with pytest.raises(TransientError, match="still rolls out"):
        namespace.rollout("build-2", WATCH_TIMEOUT_S="1")
    namespace.announced("build-3", MISSING)
    assert namespace.rollout("build-3").result == "rolled-back"
    assert namespace.image.endswith(good)


def test_a_dry_run_is_checked_by_the_api_server_and_leaves_no_trace(namespace: Namespace):
    # Longer than the watch below.
    namespace.kubectl("patch", "deployment", NAME, "-p", '{"spec":{"minReadySeconds":2}}')
    namespace.settle()
    before = namespace.deployment()["metadata"]["resourceVersion"]
    namespace.built("build-1")
    assert namespace.rollout("build-1", DRY_RUN="1").result == "planned"
    assert namespace.deployment()["metadata"]["resourceVersion"] == before
    assert namespace.events() == []

    with pytest.raises(TransientError):
        namespace.rollout("build-1", WATCH_TIMEOUT_S="1")
    namespace.settle()
    assert namespace.rollout("build-1", DRY_RUN="1").result == "planned"
    assert namespace.remembered["state"] == "rolling"


def test_reconcile_finds_a_missed_build_and_a_rollout_left_alone(namespace: Namespace):
    namespace.built("build-1")
    digest = namespace.built("build-2")
    first = namespace.image
    assert namespace.cli("reconcile", "--report") == 0
    assert namespace.image == first
    assert namespace.cli("reconcile") == 0
    assert namespace.image.endswith(digest)

    namespace.give_up_after(5)
    namespace.built("build-3", UNREADY="1")
    with pytest.raises(TransientError):
        namespace.rollout("build-3", WATCH_TIMEOUT_S="1")
    assert namespace.cli("reconcile") == 1
    assert namespace.remembered["state"] == "rolled-back"
    assert namespace.image.endswith(digest)


def test_a_failed_build_is_told_once_and_changes_nothing(namespace: Namespace):
    first = namespace.image
    namespace.built("build-1")
    namespace.build_api.builds["build-1"] |= {"status": "FAILURE", "results": {}}
    for _ in range(2):
        assert namespace.rollout("build-1").reason == "build-failed"
    assert namespace.image == first
    assert namespace.events() == ["BuildFailed"]


def test_slack_is_told_once_a_transition_however_often_the_message_comes(namespace: Namespace):
    namespace.built("build-1")
    with Border(lambda _: (200, b"ok")) as slack:
        for _ in range(2):
            namespace.rollout("build-1", SLACK_WEBHOOK_URL=f"{slack.url}/services/T/B/hush")
    texts = [request.body["text"] for request in slack.requests]
    assert [text.split("* ")[1].partition(":")[0] for text in texts] == ["rolling", "live"]


def test_notifiers_that_fail_do_not_fail_a_rollout(namespace: Namespace):
    namespace.built("build-1")
    outcome = namespace.rollout("build-1", SLACK_WEBHOOK_URL="http://127.0.0.1:1/hush")
    assert outcome.result == "live"


def test_a_target_that_fails_does_not_stop_the_others_and_has_the_message_come_again(
    namespace: Namespace,
):
    digest = namespace.built("build-1")
    targets = f"[{{deployment: absent}}, {{deployment: {NAME}}}]"
    message = push(namespace.build_api.builds["build-1"])
    with pytest.raises(TransientError, match="absent") as again:
        namespace.delivery(TARGETS=targets).take(message)
    assert f"/{NAME}:" not in str(again.value)
    assert namespace.image.endswith(digest)
    assert namespace.remembered["state"] == "live"
