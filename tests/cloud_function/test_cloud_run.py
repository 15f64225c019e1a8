"""A Cloud Run service as a target: the same rules, and no request for what was not checked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from rollout.cli import main
from rollout.delivery import Delivery
from rollout.errors import TransientError
from rollout.execution import Outcome
from rollout.settings import Settings
from tests.cloud_function.border import Border, BuildApi
from tests.cloud_function.run_api import (
    MISSING,
    NEVER,
    NO_SECRET,
    PLACEHOLDER,
    UNHEALTHY,
    Fate,
    Person,
    RunApi,
)
from tests.cloud_function.samples import REPOSITORY, build_document, digest, image, push

SERVICE = {"PROJECT": "my-project", "SERVICE": "ml-model", "REGION": "europe-west1"}
LABEL = "cloud-run/europe-west1/ml-model"


@dataclass
class Place:
    """A service that serves image 0, and the function that takes messages for it."""

    api: RunApi
    builds: BuildApi
    person: Person
    environment: dict[str, str]

    def delivered(self, letter: str, minute: int, **variables: str) -> Outcome:
        """Let the message of a build come once."""
        document = self.builds.add(build_document(letter, minute))
        (outcome,) = self.delivery(**variables).take(push(document))
        return outcome

    def delivery(self, **variables: str) -> Delivery:
        return Delivery(Settings.from_environment(self.environment | variables))

    def command(self, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
        """Run `python -m rollout` with the function's environment."""
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)
        return main(words)


@contextmanager
def _placed(api: RunApi, build_api: BuildApi, build_border: Border) -> Iterator[Place]:
    """Serve an API; in the end nothing went in or out that is not of Cloud Run's."""
    with Border(api.answer) as border:
        environment = SERVICE | {
            "CLOUD_RUN_ENDPOINT": border.url,
            "CLOUD_BUILD_ENDPOINT": build_border.url,
            "ARTIFACT_REGISTRY_ENDPOINT": build_border.url,
            "POLL_INTERVAL_S": "0.1",
            "WATCH_TIMEOUT_S": "20",
        }
        yield Place(api, build_api, Person(border, api), environment)
    assert api.complaints == []


@pytest.fixture
def place(build_api: BuildApi, build_border: Border) -> Iterator[Place]:
    """Return a service that serves image 0."""
    with _placed(RunApi(image("0")), build_api, build_border) as placed:
        yield placed


def test_a_build_goes_live_by_its_digest_and_gets_requests_only_once_it_is_ready(place: Place):
    place.api.fates[image("b")] = Fate(looks=5)
    outcome = place.delivered("b", 2)
    assert (outcome.result, outcome.target, outcome.image) == ("live", LABEL, image("b"))
    # That what is not ready gets no request is the fake's own assertion.
    assert place.api.served == [image("0"), image("b")]
    first, promoted, *_ = [patch["traffic"] for patch in place.api.patches if "traffic" in patch]
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
    with _placed(RunApi(image("1"), fates), build_api, build_border) as place:
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


def test_requests_that_a_person_led_back_stay_there_until_resumed(
    place: Place, monkeypatch: pytest.MonkeyPatch
):
    place.delivered("b", 2)
    place.person.leads_requests_to(ml_model_named=100)
    held = place.delivered("c", 3)
    assert (held.result, held.reason) == ("skipped", "changed-by-hand")
    assert image("0") in held.detail
    assert place.api.served[-1] == image("0")
    assert place.command(monkeypatch, "resume") == 0
    assert place.delivered("d", 4).result == "live"
    # What served when people took over is what would come back.
    assert place.api.remembered["previous-image"] == image("0")


def test_an_image_that_a_person_deployed_is_left_alone(place: Place):
    place.delivered("b", 2)
    place.person.deploys(image("f"))
    assert place.delivered("c", 3).reason == "changed-by-hand"
    assert place.api.served[-1] == image("f")


def test_requests_that_are_split_by_hand_are_a_pause(place: Place):
    place.delivered("b", 2)
    place.person.leads_requests_to(ml_model_named=90, ml_model_00002_abc=10)
    paused = place.delivered("c", 3)
    assert (paused.result, paused.reason) == ("skipped", "paused")
    assert "ml-model-00002-abc (10 %) and ml-model-named (90 %)" in paused.detail
    assert "update-traffic" in paused.detail


@pytest.mark.parametrize("lacks", ["the probe", "the check"])
def test_where_nothing_would_check_a_revision_nothing_is_rolled_out(place: Place, lacks: str):
    if lacks == "the probe":
        place.api.service["template"]["containers"][0]["startupProbe"] = {"tcpSocket": {}}
    else:
        place.api.service["template"]["healthCheckDisabled"] = True
    outcome = place.delivered("b", 2)
    assert outcome.reason == "paused"
    assert "gcloud run services update" in outcome.detail
    assert place.api.served == [image("0")]


def test_a_hold_holds_and_approval_is_waited_for(place: Place, monkeypatch: pytest.MonkeyPatch):
    assert place.command(monkeypatch, "hold", "the fair is on") == 0
    assert place.delivered("b", 2).detail == "held: the fair is on"
    place.command(monkeypatch, "resume")
    asked = place.delivered("c", 3, APPROVAL="required")
    assert (asked.result, asked.reason) == ("pending", "approval-required")
    (outcome,) = place.delivery(APPROVAL="required").approve("build-c")
    assert outcome.result == "live"


def test_a_rollback_by_hand_leads_requests_to_the_revision_that_had_them(
    place: Place, monkeypatch: pytest.MonkeyPatch
):
    place.delivered("b", 2)
    assert place.command(monkeypatch, "rollback", "--reason", "it counts sheep") == 0
    assert place.api.serving == ["ml-model-named", "ml-model-00002-abc", "ml-model-named"]
    assert place.api.remembered["quarantined"] == digest("b")


def test_a_revision_that_was_deleted_is_made_anew_to_go_back(
    place: Place, monkeypatch: pytest.MonkeyPatch
):
    place.delivered("b", 2)
    del place.api.revisions["ml-model-named"]
    assert place.command(monkeypatch, "rollback") == 0
    assert place.api.served[-1:] == [image("0")]


def test_a_change_by_somebody_else_at_the_same_time_is_not_written_over(place: Place):
    taken = place.api._patch
    theirs = iter(range(2))

    def meddled(body: dict[str, Any], parameters: dict[str, str]) -> Any:
        if next(theirs, None) is not None:
            place.api.service["description"] = "theirs"
            place.api._touch(is_new=False)
        return taken(body, parameters)

    place.api._patch = meddled  # type: ignore[method-assign]
    assert place.delivered("b", 2).result == "live"
    assert place.api.service["description"] == "theirs"


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


def test_people_are_told_of_each_transition_once(place: Place):
    with Border(lambda _: (200, b"ok")) as slack:
        for _ in range(2):
            place.delivered("b", 2, SLACK_WEBHOOK_URL=f"{slack.url}/hush")
    texts = [request.body["text"] for request in slack.requests]
    assert [text.split("* ")[1].partition(":")[0] for text in texts] == ["rolling", "live"]
    assert place.api.remembered["event"].split(" ", 1)[1].startswith("Normal RolledOut: live: ")


def test_a_dry_run_is_checked_by_the_api_and_changes_nothing(place: Place):
    before = json.dumps(place.api.service)
    assert place.delivered("b", 2, DRY_RUN="1").result == "planned"
    assert json.dumps(place.api.service) == before


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


def test_a_service_stands_beside_a_deployment_in_targets():
    text = """
    - {deployment: a, zone: europe-west1, cluster: one}
    - {service: ml-model, region: europe-west1}
    """
    first, second = Settings.from_environment({"PROJECT": "my-project", "TARGETS": text}).targets
    assert (first.label, second.label) == ("one/default/a", LABEL)
    assert replace(second, service="x").label == "cloud-run/europe-west1/x"
