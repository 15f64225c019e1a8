"""What people are told, at the network's border: Slack's webhook and GitHub's API."""

from __future__ import annotations

from typing import Any

import pytest
import urllib3

from rollout.errors import RolloutError
from rollout.notify import GitHub, Slack, Transition
from rollout.settings import Settings
from tests.cloud_function.border import Answer, Border, Request
from tests.cloud_function.samples import ENVIRONMENT, image

HTTP = urllib3.PoolManager(retries=urllib3.Retry(total=0))
LIVE = Transition(
    kind="live",
    target="slipway/default/ml-model",
    build_id="build-a",
    commit="a" * 40,
    ref="refs/heads/main",
    source="acme/street",
    log_url="https://console.cloud.google.com/cloud-build/builds/build-a",
    image=image("a"),
    detail="<it> is live",
    serial=4,
)


def test_slack_is_told_the_build_the_branch_the_commit_and_where_the_log_is():
    with Border(lambda _: (200, b"ok")) as border:
        Slack(f"{border.url}/services/T/B/hush", HTTP).notify(LIVE)
    (request,) = border.requests
    text = request.body["text"]
    assert "*slipway/default/ml-model* live: build build-a (main aaaaaaaa)" in text
    assert "&lt;it&gt; is live" in text
    assert f"<{LIVE.log_url}|build log>" in text


def test_a_webhook_that_fails_is_told_of_without_its_url():
    with (
        Border(lambda _: (404, b"no_service")) as border,
        pytest.raises(RolloutError, match=r"^answers 404$"),
    ):
        Slack(f"{border.url}/services/T/B/hush", HTTP).notify(LIVE)
    with pytest.raises(RolloutError, match="cannot be reached") as refused:
        Slack("http://127.0.0.1:1/services/T/B/hush", HTTP).notify(LIVE)
    assert "hush" not in str(refused.value)


class FakeHub:
    """GitHub's deployments of one repository."""

    def __init__(self) -> None:
        self.deployments: list[dict[str, Any]] = []
        self.states: list[tuple[int, str]] = []

    def answer(self, request: Request) -> Answer:
        if request.headers.get("authorization") != "Bearer hush":
            return 401, {}
        if request.method == "GET":
            return 200, self.deployments
        if request.path.endswith("/statuses"):
            self.states.append((int(request.path.split("/")[-2]), request.body["state"]))
            return 201, {}
        self.deployments.append(request.body | {"id": len(self.deployments) + 1})
        return 201, self.deployments[-1]


def _github(border: Border) -> GitHub:
    given = {"GITHUB_TOKEN": "hush", "GITHUB_ENDPOINT": border.url}
    return GitHub(Settings.from_environment(ENVIRONMENT | given), HTTP)


def test_github_has_one_deployment_a_build_and_a_status_a_transition():
    hub = FakeHub()
    with Border(hub.answer) as border:
        github = _github(border)
        github.notify(_changed(kind="rolling"))
        github.notify(LIVE)
        github.notify(_changed(build_id="build-b", kind="rolled-back"))
    assert hub.states == [(1, "in_progress"), (1, "success"), (2, "failure")]
    (first, second) = hub.deployments
    assert first["ref"] == "a" * 40
    assert (first["environment"], first["required_contexts"]) == ("production", [])
    assert second["payload"] == {"build": "build-b", "target": LIVE.target}


@pytest.mark.parametrize(
    "changes", [{"source": "street"}, {"commit": ""}, {"kind": "held"}], ids=str
)
def test_github_is_not_told_what_it_cannot_place(changes: dict[str, str]):
    with Border(lambda _: (500, {})) as border:
        _github(border).notify(_changed(**changes))
    assert border.requests == []


def _changed(**changes: str) -> Transition:
    known: dict[str, Any] = dict(vars(LIVE))
    return Transition(**(known | changes))
