"""Whose build it is: another service's is none of ours, and nobody is told of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rollout.build import Build
from rollout.decision import FOREIGN, TOLD, Action, Circumstances, Decision, decide
from rollout.delivery import Delivery
from rollout.deployment import DeploymentSnapshot
from rollout.settings import Settings
from rollout.snapshot import Snapshot
from tests.cloud_function.api_server import ApiServer, kubeconfig
from tests.cloud_function.border import Border, BuildApi
from tests.cloud_function.samples import (
    REPOSITORY,
    a_build,
    a_target,
    build_document,
    deployment,
    digest,
    image,
    push,
    rolled_out,
)

SUBSTITUTIONS = dict(a_build().substitutions)
WEB = "europe-west1-docker.pkg.dev/my-project/slipway/web"
FAILED = {"status": "FAILURE", "results": {}}
IMAGELESS = {"images": [], "results": {}, "buildTriggerId": "terraform"}
WITH_PROXY = deployment()
WITH_PROXY["spec"]["template"]["spec"]["containers"].append({"name": "proxy", "image": f"{WEB}:v1"})


def decided(build: Build, snapshot: Snapshot | None = None, **variables: str) -> Decision:
    found = snapshot or DeploymentSnapshot(deployment())
    return decide(build, found, a_target(**variables), Circumstances(now_s=1_800_000_000))


@pytest.mark.parametrize(
    ("changes", "variables", "reason"),
    [
        pytest.param(FAILED | {"images": [f"{WEB}:main"]}, {}, "other-image", id="failed"),
        *(
            pytest.param(
                FAILED | {"status": status, "images": [f"{WEB}:main"]},
                {},
                "other-image",
                id=status,
            )
            for status in ("CANCELLED", "TIMEOUT", "EXPIRED", "INTERNAL_ERROR")
        ),
        pytest.param(
            FAILED | {"images": [f"{REPOSITORY}-cache:main"]}, {}, "other-image", id="similar name"
        ),
        pytest.param(
            FAILED | {"images": [f"{REPOSITORY}/cache:main"]}, {}, "other-image", id="below ours"
        ),
        pytest.param(
            FAILED | {"images": [], "artifacts": {"images": [f"{WEB}:main"]}},
            {},
            "other-image",
            id="artifacts",
        ),
        pytest.param(
            FAILED | {"images": ["${_HOST}/web:$COMMIT_SHA"]},
            {},
            "other-image",
            id="unknown substitution",
        ),
        pytest.param(
            FAILED,
            {"IMAGE_REPOSITORY": WEB},
            "other-image",
            id="image of the Deployment, not of IMAGE_REPOSITORY",
        ),
        pytest.param(IMAGELESS, {}, "other-build", id="terraform"),
        pytest.param(IMAGELESS | FAILED, {}, "other-build", id="failed terraform"),
        pytest.param(
            {"images": [f"{WEB}:main"], "results": {}}, {}, "other-image", id="nothing pushed"
        ),
        pytest.param(
            {"results": {"images": [{"name": WEB, "digest": digest("b")}]}},
            {"CONTAINER": "absent"},
            "other-image",
            id="no such container",
        ),
        pytest.param(FAILED, {"TRIGGERS": "web"}, "other-trigger", id="failed, other trigger"),
        pytest.param(
            FAILED | {"images": [f"{WEB}:main"]},
            {"CONTAINER": "ml-model"},
            "other-image",
            id="of another container",
        ),
    ],
)
def test_a_build_of_another_service_is_no_trouble_of_ours(
    changes: dict[str, Any], variables: dict[str, str], reason: str
):
    decision = decided(a_build(**changes), **variables)
    assert (decision.action, decision.reason) == (Action.SKIP, reason)
    assert reason in FOREIGN
    assert not FOREIGN & TOLD


@pytest.mark.parametrize(
    ("changes", "variables"),
    [
        pytest.param(FAILED, {}, id="its images"),
        pytest.param(
            FAILED | {"images": [f"{WEB}:v1", f"{REPOSITORY}:v1"]}, {}, id="one of its images"
        ),
        pytest.param(
            FAILED | {"images": [], "artifacts": {"images": [REPOSITORY]}}, {}, id="artifacts"
        ),
        pytest.param(
            FAILED
            | {
                "images": ["${_HOST}-docker.pkg.dev/$PROJECT_ID/slipway/ml-model:$SHORT_SHA"],
                "substitutions": SUBSTITUTIONS | {"_HOST": "europe-west1"},
            },
            {},
            id="images with substitutions",
        ),
        pytest.param(
            IMAGELESS | FAILED | {"steps": [{"args": ["push", "--all-tags", REPOSITORY]}]},
            {},
            id="docker push",
        ),
        pytest.param(
            IMAGELESS | FAILED | {"steps": [{"args": [f"--destination={REPOSITORY}:main"]}]},
            {},
            id="kaniko",
        ),
        pytest.param(IMAGELESS | FAILED, {"TRIGGERS": "push-to-main"}, id="its trigger's name"),
        pytest.param(IMAGELESS | FAILED, {"TRIGGERS": "terraform"}, id="its trigger's id"),
        pytest.param(
            FAILED | {"images": [f"{WEB}:main"]},
            {"TRIGGERS": "push-to-main"},
            id="its trigger, though of another image",
        ),
    ],
)
def test_a_build_of_ours_that_failed_is_known_by_image_or_trigger(
    changes: dict[str, Any], variables: dict[str, str]
):
    assert decided(a_build(**changes), **variables).reason == "build-failed"


TAGGED = f"{REPOSITORY}:main"
STEPS_OF_OURS = {
    "docker": {"args": ["push", TAGGED]},
    "docker, all tags": {"args": ["push", "--all-tags", REPOSITORY]},
    "buildx, tag": {"args": ["buildx", "build", f"--tag={TAGGED}", "--push", "."]},
    "buildx, true": {"args": ["buildx", "build", "--push=true", "-t", TAGGED, "."]},
    "buildx, output": {"args": ["buildx", "build", "-o", "type=image,push=true", "-t", TAGGED]},
    "kaniko, two words": {"args": ["--destination", TAGGED]},
    "jib": {"args": ["jib:build", f"-Djib.to.image={TAGGED}"]},
    "buildah": {"args": ["push", f"docker://{TAGGED}"]},
    "shell": {"args": ["-c", f"docker build -t {TAGGED} . && docker push {TAGGED}"]},
    "script": {"script": f'#!/bin/bash\nset -e\ndocker push \\\n  --quiet "{TAGGED}"\n'},
    "environment": {"script": 'docker push "$IMAGE:$TAG"', "env": [f"IMAGE={REPOSITORY}", "TAG=1"]},
    "escaped": {"args": ["-c", "docker push $$IMAGE"], "env": [f"IMAGE={TAGGED}"]},
    "substitution": {
        "script": "docker push ${_IMAGE}",
        "env": ["_IMAGE=europe-west1-docker.pkg.dev/${PROJECT_ID}/slipway/ml-model"],
    },
}


@pytest.mark.parametrize("way", STEPS_OF_OURS)
def test_a_step_that_pushes_our_image_makes_a_build_ours_however_it_is_written(way: str):
    imageless = IMAGELESS | {"steps": [STEPS_OF_OURS[way]]}
    assert decided(a_build(**(imageless | FAILED))).reason == "build-failed"
    refused = decided(a_build(**imageless))
    assert (refused.action, refused.reason) == (Action.REFUSE, "no-image")


STEPS_OF_OTHERS = {
    "cache": {"args": ["buildx", "build", "--push", "--cache-from", REPOSITORY, "-t", WEB, "."]},
    "cache, shell": {"script": f"docker build --push -t {WEB} --cache-from {TAGGED} ."},
    "base": {"args": ["build", WEB, "--publish", "--run-image", REPOSITORY]},
    "pulled": {"script": f"docker pull {TAGGED}\ndocker push {WEB}"},
    "scanned": {"args": ["image", REPOSITORY]},
    "deployed": {"script": f"kubectl set image deployment/m m={TAGGED}; git push origin main"},
    "copied": {"args": ["copy", REPOSITORY, WEB]},
}


@pytest.mark.parametrize("way", STEPS_OF_OTHERS)
def test_a_step_that_only_reads_our_image_leaves_a_build_another_services(way: str):
    failed = IMAGELESS | FAILED | {"steps": [STEPS_OF_OTHERS[way]]}
    assert decided(a_build(**failed)).reason in {"other-build", "other-image"}


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["push", "origin", "HEAD:refs/heads/main"], id="git"),
        pytest.param(
            ["push", "chart.tgz", "oci://europe-west1-docker.pkg.dev/p/charts"], id="helm"
        ),
        pytest.param(["push", f"{WEB}:main"], id="another image"),
    ],
)
def test_what_a_step_pushes_besides_does_not_hide_a_failure_of_our_own_trigger(words: list[str]):
    failed = a_build("b", 5, **(FAILED | {"images": [], "steps": [{"args": words}]}))
    assert decided(failed, rolled_out(trigger="trigger-1")).reason == "build-failed"


def test_a_build_that_failed_before_it_named_an_image_is_known_by_the_trigger_rolled_out_last():
    ours = FAILED | {"images": []}
    assert decided(a_build("b", 5, **ours), rolled_out(trigger="trigger-1")).reason == (
        "build-failed"
    )
    assert decided(a_build("b", 5, **ours), rolled_out(trigger="other")).reason == "other-build"
    web = ours | {"images": [f"{WEB}:main"]}
    assert decided(a_build("b", 5, **web), rolled_out(trigger="trigger-1")).reason == "other-image"


def test_any_container_of_the_deployment_makes_a_failed_build_its_own():
    web = a_build(**(FAILED | {"images": [f"{WEB}:main"]}))
    assert decided(web, DeploymentSnapshot(WITH_PROXY)).reason == "build-failed"
    assert (
        decided(web, DeploymentSnapshot(WITH_PROXY), CONTAINER="ml-model").reason == "other-image"
    )


def test_a_build_is_still_ours_where_somebody_has_set_an_image_of_another_repository():
    changed = deployment("docker.io/library/nginx:1", image=image("a"), state="live", serial="3")
    assert decided(a_build("b", 5), DeploymentSnapshot(changed)).reason == "changed-by-hand"
    assert decided(a_build("b", 5, **FAILED), DeploymentSnapshot(changed)).reason == "build-failed"


def test_what_cannot_be_read_of_a_builds_images_names_none():
    odd = a_build(images=7, artifacts=[], steps=[7, {"args": "push"}, {"args": [7]}], results={})
    assert odd.repositories == frozenset()


OTHERS = {
    "failed": FAILED | {"images": [f"{WEB}:main"]},
    "terraform": IMAGELESS,
    "failed-terraform": IMAGELESS | FAILED,
    "cancelled": FAILED | {"status": "CANCELLED", "images": [f"{WEB}:main"]},
    "similar": FAILED | {"images": [f"{REPOSITORY}-cache:main"]},
    "pushed": {"results": {"images": [{"name": WEB, "digest": digest("b")}]}},
    "by-hand": FAILED | {"buildTriggerId": ""},
    "of-a-branch": FAILED | {"substitutions": SUBSTITUTIONS | {"BRANCH_NAME": "try"}},
}


def _delivered(
    document: dict[str, Any],
    build_api: BuildApi,
    server: ApiServer,
    folder: Path,
    claim: dict[str, str] | None = None,
) -> list[str]:
    """Deliver a build's message; return what Slack is told.

    `claim` is what the message says otherwise than Cloud Build's API.
    """
    build_api.add(document)
    with (
        Border(build_api.answer) as cloud_build,
        Border(server.answer) as cluster,
        Border(lambda _: (200, b"ok")) as slack,
    ):
        environment = {
            "PROJECT": "my-project",
            "DEPLOYMENT": "ml-model",
            "KUBECONFIG": str(kubeconfig(folder / "kubeconfig", cluster.url)),
            "CLOUD_BUILD_ENDPOINT": cloud_build.url,
            "SLACK_WEBHOOK_URL": f"{slack.url}/services/T/B/hush",
        }
        Delivery(Settings.from_environment(environment)).take(push(document | (claim or {})))
    return [request.body["text"] for request in slack.requests]


@pytest.mark.parametrize("kind", OTHERS)
def test_a_build_of_another_service_is_one_line_of_the_log_and_told_to_nobody(
    kind: str, build_api: BuildApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    server = ApiServer({"ml-model": deployment()})
    document = build_document(**OTHERS[kind]) | {"id": f"build-{kind}"}
    told = _delivered(document, build_api, server, tmp_path)
    assert (told, server.events) == ([], [])
    (line,) = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert (line["severity"], line["event"], line["result"]) == ("INFO", "outcome", "skipped")
    assert line["build"] == f"build-{kind}"
    assert line["reason"] in FOREIGN


def test_a_build_of_ours_that_failed_is_told_to_all(build_api: BuildApi, tmp_path: Path):
    server = ApiServer({"ml-model": deployment()})
    (text,) = _delivered(build_document(**FAILED), build_api, server, tmp_path)
    assert "build-failed: build build-a" in text
    assert [event["reason"] for event in server.events] == ["BuildFailed"]


def test_a_success_that_only_the_message_claims_is_not_believed(
    build_api: BuildApi, tmp_path: Path
):
    server = ApiServer({"ml-model": deployment()})
    cancelled = build_document(**FAILED) | {"status": "CANCELLED"}
    claim = build_document()
    (text,) = _delivered(cancelled, build_api, server, tmp_path, claim)
    assert "build-failed: build build-a" in text
    assert "ended as CANCELLED" in text
