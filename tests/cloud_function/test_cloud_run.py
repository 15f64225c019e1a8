"""A Cloud Run service as a target: the same rules, and no request for what was not checked."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import functions_framework
import pytest

from rollout.errors import TransientError
from tests.cloud_function.border import Border, BuildApi
from tests.cloud_function.run_api import (
    MISSING,
    NEVER,
    NO_SECRET,
    PLACEHOLDER,
    UNHEALTHY,
    Fate,
    RunApi,
    error,
)
from tests.cloud_function.run_place import LABEL, Place, placed
from tests.cloud_function.samples import REPOSITORY, build_document, digest, image, push


def test_a_build_goes_live_by_its_digest_and_gets_requests_only_once_it_is_ready(place: Place):
    place.api.fates[image("b")] = Fate(looks=5)
    outcome = place.delivered("b", 2)
    assert (outcome.result, outcome.target, outcome.image) == ("live", LABEL, image("b"))
    # That what is not ready gets no request is the fake's own assertion.
    assert place.api.served == [image("0"), image("b")]
    first, promoted = [patch["traffic"] for patch in place.api.patches if "traffic" in patch]
    assert first == [
        {
            "type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION",
            "revision": "ml-model-named",
            "percent": 100,
        }
    ]
    assert promoted == [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}]


def test_nothing_of_the_service_is_touched_but_image_requests_and_our_annotations(place: Place):
    place.person.changes(
        traffic=[
            {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100},
            {
                "type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION",
                "revision": "ml-model-named",
                "tag": "before",
            },
        ]
    )
    before = json.loads(json.dumps(place.api.service["template"]))
    place.delivered("b", 2)
    after = place.api.service["template"]
    before["containers"][0]["image"] = image("b")
    del before["revision"]
    assert after == before
    assert place.api.service["annotations"]["team"] == "vision"
    assert [each["tag"] for each in place.api.service["traffic"] if "tag" in each] == ["before"]
    assert {key for patch in place.api.patches[1:] for key in patch} == {
        "annotations",
        "template",
        "traffic",
    }


def test_a_field_that_this_code_does_not_know_is_not_lost(place: Place):
    # Google's list has it, the function's code does not: tomorrow's fields are the same to it.
    place.api.service["template"]["ambientNetworking"] = {}
    place.delivered("b", 2)
    assert place.api.service["template"]["ambientNetworking"] == {}


@pytest.mark.parametrize(
    ("fate", "reason", "is_quarantined"),
    [
        pytest.param(UNHEALTHY, "HEALTH_CHECK_CONTAINER_ERROR", True, id="its probe fails"),
        pytest.param(MISSING, "CONTAINER_MISSING", True, id="there is no such image"),
        pytest.param(NO_SECRET, "SECRETS_ACCESS_CHECK_FAILED", False, id="a secret is closed"),
    ],
)
def test_a_revision_that_does_not_become_ready_gets_no_request_and_is_taken_back(
    place: Place, fate: Fate, reason: str, is_quarantined: bool
):
    place.delivered("b", 2)
    place.api.fates[image("c")] = fate
    outcome = place.delivered("c", 3)
    assert (outcome.result, outcome.reason) == ("rolled-back", reason)
    assert place.api.served == [image("0"), image("b")]
    template = place.api.service["template"]
    assert template["containers"][0]["image"] == image("b")
    assert place.api.service["terminalCondition"]["state"] == "CONDITION_SUCCEEDED"
    known = place.api.remembered
    assert fate.message.rstrip(".") in known["reason"]
    assert "https://console.cloud.google.com/logs" in known["reason"]
    assert known.get("quarantined", "") == (digest("c") if is_quarantined else "")
    assert "Warning RolledBack: " in known["event"]
    again = place.delivered("d", 4)
    assert (again.result, place.api.served[-1]) == ("live", image("d"))


def test_the_first_build_takes_the_place_of_a_placeholder(build_api: BuildApi, place: Place):
    place.person.deploys(PLACEHOLDER)
    outcome = place.delivered("b", 2, IMAGE_REPOSITORY=REPOSITORY)
    assert outcome.result == "live"
    assert place.api.served[-2:] == [PLACEHOLDER, image("b")]


def test_a_service_that_never_served_is_told_of_a_bad_build_and_takes_a_good_one(
    build_api: BuildApi, build_border: Border
):
    fates = {image("1"): UNHEALTHY, image("c"): UNHEALTHY}
    with placed(RunApi(image("1"), fates), build_api, build_border) as place:
        failed = place.delivered("c", 2)
        assert (failed.result, failed.reason) == ("failed", "HEALTH_CHECK_CONTAINER_ERROR")
        assert place.delivered("d", 3).result == "live"
        assert place.api.served == [image("d")]


def test_only_the_newest_build_goes_live_and_each_message_counts_once(place: Place):
    place.delivered("b", 5)
    assert place.delivered("a", 4).reason == "superseded"
    assert place.delivered("b", 5).reason == "already-live"
    assert place.api.served == [image("0"), image("b")]


def test_a_digest_that_failed_is_refused_in_a_newer_build_too(place: Place):
    place.api.fates[image("c")] = UNHEALTHY
    place.delivered("c", 2)
    document = build_document("c", 3) | {"id": "build-again"}
    name = document["name"].replace("build-c", "build-again")
    place.builds.add(document | {"name": name})
    (outcome,) = place.delivery().take(push(place.builds.builds["build-again"]))
    assert (outcome.result, outcome.reason) == ("refused", "quarantined")


def test_a_rollout_that_takes_longer_is_gone_on_with_by_the_next_delivery(place: Place):
    place.api.fates[image("b")] = NEVER
    with pytest.raises(TransientError, match="still rolls out"):
        place.delivered("b", 2, WATCH_TIMEOUT_S="1")
    assert place.api.served == [image("0")]
    place.api.fates[image("b")] = Fate()
    assert place.delivered("b", 2).result == "live"


def test_reconcile_finds_a_missed_build_and_a_rollout_left_alone(
    place: Place, monkeypatch: pytest.MonkeyPatch
):
    place.builds.add(build_document("b", 2))
    assert place.command(monkeypatch, "reconcile") == 0
    assert place.api.served[-1] == image("b")
    place.api.fates[image("c")] = NEVER
    with pytest.raises(TransientError):
        place.delivered("c", 3, WATCH_TIMEOUT_S="1")
    place.api.fates[image("c")] = UNHEALTHY
    assert place.command(monkeypatch, "reconcile") == 1
    assert place.api.remembered["state"] == "rolled-back"


def test_an_overtaken_rollout_is_left_to_the_newer_one(place: Place):
    place.api.fates[image("b")] = NEVER
    with pytest.raises(TransientError):
        place.delivered("b", 2, WATCH_TIMEOUT_S="1")
    assert place.delivered("c", 3).result == "live"
    assert place.api.served == [image("0"), image("c")]
    assert place.api.remembered["previous-image"] == image("0")


def test_messages_that_come_at_once_and_again_lead_to_the_newest_and_are_told_once(place: Place):
    messages = [push(place.builds.add(build_document(*each))) for each in (("b", 2), ("c", 3))]
    with Border(lambda _: (200, b"ok")) as slack:
        delivery = place.delivery(SLACK_WEBHOOK_URL=f"{slack.url}/hush")
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(delivery.take, messages * 3))
    assert place.api.served[-1] == image("c")
    assert place.api.remembered["state"] == "live"
    told = [request.body["text"] for request in slack.requests]
    assert len(set(told)) == len(told)
    assert "live: build build-c" in told[-1]


def test_a_failure_is_only_reported_where_that_is_wanted(place: Place):
    place.api.fates[image("b")] = UNHEALTHY
    assert place.delivered("b", 2, ON_FAILURE="report").result == "failed"
    assert place.api.served == [image("0")]
    assert place.api.service["template"]["containers"][0]["image"] == image("b")
    assert place.delivered("c", 3, ON_FAILURE="report").result == "live"


def test_a_push_to_the_function_goes_live_and_is_acknowledged(
    place: Place, root: Path, monkeypatch: pytest.MonkeyPatch
):
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)
    app = functions_framework.create_app("onNewImage", str(root / "cloud_function" / "main.py"))
    message = push(place.builds.add(build_document("b", 2)))
    with app.test_client() as client:
        assert client.post("/", json=message).status_code == 200
    sys.modules.pop("main", None)
    assert place.api.served[-1] == image("b")


def test_people_are_told_of_each_transition_once(place: Place):
    with Border(lambda _: (200, b"ok")) as slack:
        for _ in range(2):
            place.delivered("b", 2, SLACK_WEBHOOK_URL=f"{slack.url}/hush")
    texts = [request.body["text"] for request in slack.requests]
    assert [text.split("* ")[1].partition(":")[0] for text in texts] == ["rolling", "live"]
    assert place.api.remembered["event"].split(" ", 1)[1].startswith("Normal RolledOut: live: ")


def test_what_is_live_and_what_would_come_back_have_their_tags(place: Place):
    place.delivered("b", 2, IMAGE_TAGS="1")
    assert place.builds.tags == {"live": digest("b"), "previous": digest("0")}


def test_a_service_that_is_not_there_is_told_and_not_tried_again(
    place: Place, capsys: pytest.CaptureFixture[str]
):
    outcome = place.delivered("b", 2, SERVICE="another")
    assert (outcome.result, outcome.reason) == ("error", "permanent")
    assert "services/another answers 404" in outcome.detail


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_an_api_that_does_not_answer_now_has_the_message_come_again(place: Place, status: int):
    place.api.failing = status
    with pytest.raises(TransientError, match=rf"services/ml-model answers {status}"):
        place.delivered("b", 2)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"name": 7}, id="a name that is none"),
        pytest.param({"name": "x", "traffic": 7}, id="a number for a list"),
        pytest.param({"name": "x", "traffic": [7]}, id="a list of numbers"),
        pytest.param({"name": "x", "template": []}, id="a list for an object"),
        pytest.param({"name": "x", "template": {"containers": "web"}}, id="text for a list"),
        pytest.param({"name": "x", "annotations": {"a": 1}}, id="a number for text"),
        pytest.param({"name": "x"}, id="no etag"),
        pytest.param(b"[" * 100_000, id="nested without end"),
    ],
)
def test_an_api_that_talks_nonsense_is_asked_again_later(answer: Any, place: Place):
    with (
        Border(lambda _: (200, answer)) as border,
        pytest.raises(TransientError, match="services/ml-model answers with") as refused,
    ):
        place.delivered("b", 2, CLOUD_RUN_ENDPOINT=border.url)
    assert "\n" not in str(refused.value)


def test_failures_one_after_the_other_leave_the_requests_where_they_are(place: Place):
    place.delivered("b", 2)
    for minute, letter in enumerate("cd", 3):
        place.api.fates[image(letter)] = UNHEALTHY
        assert place.delivered(letter, minute).result == "rolled-back"
    assert place.api.serving == ["ml-model-named", "ml-model-00002-abc"]


def test_a_build_that_failed_is_told_once_however_often_its_message_comes(place: Place):
    place.delivered("b", 2)
    document = build_document("c", 3, status="FAILURE", results={})
    with Border(lambda _: (200, b"ok")) as slack:
        for _ in range(3):
            delivery = place.delivery(SLACK_WEBHOOK_URL=f"{slack.url}/hush")
            delivery.take(push(place.builds.add(document)))
    assert len(slack.requests) == 1
    assert "build-failed" in slack.requests[0].body["text"]


@pytest.mark.parametrize(
    ("refusal", "result"),
    [
        pytest.param(
            (200, {"done": True, "error": {"code": 9, "message": "no quota"}}),
            "error",
            id="an operation that failed for ever",
        ),
        pytest.param(
            (200, {"done": True, "error": {"code": 10, "message": "aborted"}}),
            "live",
            id="an operation that lost a race",
        ),
        pytest.param(
            (409, error(409, "ALREADY_EXISTS", "Revision named 'x' already exists.")),
            "error",
            id="a name that is taken",
        ),
        pytest.param((400, error(400, "INVALID_ARGUMENT", "no")), "error", id="a bad request"),
    ],
)
def test_a_change_that_is_refused_is_told_and_one_that_lost_a_race_is_made_again(
    place: Place, refusal: tuple[int, Any], result: str
):
    place.api.refusal = refusal
    outcome = place.delivered("b", 2)
    assert outcome.result == result
    if result == "error":
        assert outcome.reason == "permanent"
        assert place.api.served == [image("0")]


def test_an_operation_that_may_succeed_later_has_the_message_come_again(place: Place):
    place.api.refusal = (200, {"done": True, "error": {"code": 14, "message": "unavailable"}})
    with pytest.raises(TransientError, match="services/ml-model has failed: unavailable"):
        place.delivered("b", 2)
    assert place.delivered("b", 2).result == "live"
