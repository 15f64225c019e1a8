"""People at a Cloud Run service: what they set stays, and what they ask for is done."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cloud_function.run_api import PLACE, UNHEALTHY
from tests.cloud_function.run_place import LABEL, Place
from tests.cloud_function.samples import digest, image


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
    theirs = [{"name": "COLOUR", "value": "blue"}]
    left = iter(range(1))

    def meddle(_: dict[str, Any]) -> None:
        if next(left, None) is not None:
            place.api.service["template"]["containers"][0]["env"] = theirs
            place.api.touch()

    place.api.meddle = meddle
    assert place.delivered("b", 2).result == "live"
    assert place.api.service["template"]["containers"][0]["env"] == theirs


def test_what_is_told_is_written_again_where_somebody_was_quicker(place: Place):
    def meddle(body: dict[str, Any]) -> None:
        if "slipway.dev/told" in body["annotations"] and next(left, None) is not None:
            place.api.touch()

    left = iter(range(2))
    place.api.meddle = meddle
    place.delivered("b", 2)
    assert "RolledOut" in place.api.remembered["event"]
    assert len(place.api.remembered["told"].split()) == 2


def test_status_says_what_serves_and_how_far_a_rollout_is(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    place.delivered("b", 2)
    place.api.settle()
    capsys.readouterr()
    assert place.command(monkeypatch, "status") == 0
    told = capsys.readouterr().out
    assert told.startswith(f"{LABEL}: complete (live) [{image('b')}]: ml-model-00002-abc has all")
    place.api.fates[image("c")] = UNHEALTHY
    place.delivered("c", 3)
    place.api.settle()
    capsys.readouterr()
    place.command(monkeypatch, "status")
    assert ": complete (rolled-back) " in capsys.readouterr().out


def test_a_dry_run_is_checked_by_the_api_and_changes_nothing(place: Place):
    before = json.dumps(place.api.service)
    assert place.delivered("b", 2, DRY_RUN="1").result == "planned"
    assert json.dumps(place.api.service) == before


def test_a_rollback_goes_to_a_revision_that_was_ready_and_not_to_one_that_failed(
    place: Place, monkeypatch: pytest.MonkeyPatch
):
    place.delivered("b", 2)
    failed = [{"type": "Ready", "state": "CONDITION_FAILED"}]
    named = place.api.revisions["ml-model-named"]
    place.api.revisions["ml-model-again"] = named | {
        "name": f"{PLACE}/revisions/ml-model-again",
        "createTime": "2026-11-21T12:50:00Z",
        "conditions": failed,
    }
    assert place.command(monkeypatch, "rollback") == 0
    assert place.api.serving[-1] == "ml-model-named"


def test_what_is_made_anew_to_go_back_gets_the_requests_though_they_were_pinned(
    place: Place, monkeypatch: pytest.MonkeyPatch
):
    place.delivered("b", 2)
    place.person.leads_requests_to(ml_model_00002_abc=100)
    del place.api.revisions["ml-model-named"]
    assert place.command(monkeypatch, "rollback") == 0
    assert place.api.served[-1] == image("0")


def test_a_revision_that_somebody_cleared_away_does_not_stop_the_next_build(place: Place):
    place.api.fates[image("b")] = UNHEALTHY
    place.delivered("b", 2)
    newest = place.api.service["latestCreatedRevision"].rpartition("/")[2]
    del place.api.revisions[newest]
    assert place.delivered("c", 3).result == "live"
