"""Rollouts on a real cluster, with exactly the Role that the manifests ship."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml

from rollout.errors import TransientError
from tests.cloud_function.border import Border
from tests.cloud_function.namespace import NAME, Namespace
from tests.cloud_function.samples import REPOSITORY, push

pytestmark = pytest.mark.cluster


def test_a_build_goes_live_by_digest_and_what_others_set_survives(namespace: Namespace):
    namespace.kubectl("scale", "deployment", NAME, "--replicas=3")
    namespace.kubectl("set", "env", f"deployment/{NAME}", "THEIRS=kept")
    namespace.settle()
    digest = namespace.built("build-1")
    outcome = namespace.rollout("build-1")
    assert (outcome.result, outcome.image) == ("live", f"{REPOSITORY}@{digest}")
    assert namespace.serving() == {f"{REPOSITORY}@{digest}"}
    spec = namespace.deployment()["spec"]
    assert spec["replicas"] == 3
    assert spec["template"]["spec"]["containers"][0]["env"] == [{"name": "THEIRS", "value": "kept"}]
    assert namespace.remembered["state"] == "live"
    assert namespace.events() == ["RolledOut", "RollingOut"]
    history = namespace.kubectl("rollout", "history", f"deployment/{NAME}")
    assert f"build build-1 of refs/heads/main at {'a' * 40}" in history


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


def test_an_older_build_whose_message_is_late_is_superseded(namespace: Namespace):
    namespace.built("build-old", minute=1)
    newer = namespace.built("build-new", minute=2)
    assert namespace.rollout("build-new").result == "live"
    assert namespace.rollout("build-old").reason == "superseded"
    assert namespace.image.endswith(newer)


def test_the_same_message_ten_times_at_once_is_one_rollout(namespace: Namespace):
    namespace.built("build-1")
    outcomes = namespace.at_once(*["build-1"] * 10)
    assert {outcome.result for outcome in outcomes} <= {"live", "skipped"}
    assert namespace.revision == 2
    assert namespace.events() == ["RolledOut", "RollingOut"]


def test_of_two_builds_that_race_the_newer_one_is_live_in_the_end(namespace: Namespace):
    namespace.built("build-1")
    newer = namespace.built("build-2")
    first, second = namespace.at_once("build-1", "build-2")
    assert second.result == "live"
    assert first.reason in {"superseded", "complete"}
    assert namespace.image.endswith(newer)
    assert namespace.remembered["build-id"] == "build-2"


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


def test_an_image_that_does_not_exist_is_rolled_back_and_quarantined(namespace: Namespace):
    good = namespace.built("build-good")
    namespace.rollout("build-good")
    missing = "sha256:" + "0" * 64
    namespace.announced("build-bad", missing)
    outcome = namespace.rollout("build-bad")
    assert outcome.result == "rolled-back"
    assert namespace.image.endswith(good)
    assert namespace.serving() == {f"{REPOSITORY}@{good}"}
    described = namespace.kubectl("describe", "deployment", NAME)
    assert f"slipway.dev/quarantined: {missing}" in described
    assert "not found" in described
    assert "RolledBack" in described

    namespace.announced("build-again", missing)
    assert namespace.rollout("build-again").reason == "quarantined"
    assert namespace.rollout("build-bad").reason == "already-decided"


def test_a_container_that_crashes_is_rolled_back_with_its_own_last_words(namespace: Namespace):
    first = namespace.image
    namespace.built("build-bad", CRASH="no weights in /models")
    assert namespace.rollout("build-bad").result == "rolled-back"
    assert namespace.image == first
    assert "no weights in /models" in namespace.remembered["reason"]
    assert "no weights in /models" in namespace.kubectl("describe", "deployment", NAME)


def test_a_pod_that_never_becomes_ready_is_rolled_back_and_the_old_ones_serve_throughout(
    namespace: Namespace,
):
    first = namespace.image
    seen: set[str] = set()
    namespace.built("build-bad", UNREADY="1")
    with ThreadPoolExecutor(1) as pool:
        rolling = pool.submit(namespace.rollout, "build-bad")
        while not rolling.done():
            seen |= namespace.serving()
    assert rolling.result().result == "rolled-back"
    assert seen == {first}
    reason = namespace.remembered["reason"]
    assert "ProgressDeadlineExceeded" in reason
    assert "statuscode: 503" in reason


def test_when_a_build_overtakes_a_broken_one_going_back_means_to_what_served(
    namespace: Namespace,
):
    good = namespace.built("build-1")
    namespace.rollout("build-1")
    namespace.built("build-2", UNREADY="1")
    with pytest.raises(TransientError, match="still rolls out"):
        namespace.rollout("build-2", WATCH_TIMEOUT_S="1")
    namespace.built("build-3", CRASH="broken too")
    assert namespace.rollout("build-3").result == "rolled-back"
    assert namespace.image.endswith(good)


def test_a_rollout_cut_short_is_taken_up_by_the_next_delivery(namespace: Namespace):
    digest = namespace.built("build-1")
    namespace.kubectl("patch", "deployment", NAME, "-p", '{"spec":{"minReadySeconds":3}}')
    namespace.settle()
    with pytest.raises(TransientError, match="build-1 still rolls out"):
        namespace.rollout("build-1", WATCH_TIMEOUT_S="1")
    revision = namespace.revision
    assert namespace.rollout("build-1").result == "live"
    assert namespace.revision == revision
    assert namespace.serving() == {f"{REPOSITORY}@{digest}"}


def test_a_dry_run_is_checked_by_the_api_server_and_leaves_no_trace(namespace: Namespace):
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


def test_a_success_that_only_the_message_claims_is_not_believed(namespace: Namespace):
    first = namespace.image
    namespace.built("build-1")
    claim = push(namespace.build_api.builds["build-1"])
    namespace.build_api.builds["build-1"] |= {"status": "CANCELLED"}
    (outcome,) = namespace.delivery().take(claim)
    assert outcome.reason == "build-failed"
    assert namespace.image == first


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


@pytest.mark.parametrize(
    "words",
    [
        ("delete", "deployment", NAME),
        ("scale", "deployment", NAME, "--replicas=0"),
        ("get", "deployments"),
        ("get", "secrets"),
        ("get", "pods", "-A"),
        ("exec", f"deployment/{NAME}", "--", "/server"),
        ("create", "deployment", "other", "--image=x"),
        ("patch", "deployment", "other", "-p", "{}"),
    ],
    ids=" ".join,
)
def test_what_is_outside_of_the_role_is_forbidden(words: tuple[str, ...], namespace: Namespace):
    refused = namespace.as_function(*words)
    assert refused.returncode != 0
    assert "forbidden" in refused.stderr
