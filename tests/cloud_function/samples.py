"""Builds as Cloud Build tells them, messages as they arrive, Deployments as the API prints them."""

from __future__ import annotations

import base64
import json
from typing import Any

from google.cloud.devtools import cloudbuild_v1

from rollout import build as builds
from rollout.build import Build
from rollout.deployment import DeploymentSnapshot
from rollout.progress import Progress
from rollout.settings import Settings
from rollout.state import PREFIX
from rollout.targets import Target
from rollout.watch import assess

PROJECT = "my-project"
REPOSITORY = "europe-west1-docker.pkg.dev/my-project/slipway/ml-model"
ENVIRONMENT = {
    "PROJECT": PROJECT,
    "ZONE": "europe-west1",
    "CLUSTER": "slipway",
    "DEPLOYMENT": "ml-model",
}


def digest(letter: str) -> str:
    return "sha256:" + letter * 64


def image(letter: str) -> str:
    return f"{REPOSITORY}@{digest(letter)}"


def build_document(letter: str = "a", minute: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a build's JSON, written by Google's own message type, with `changes` put over it."""
    pushed = {"name": f"{REPOSITORY}:main", "digest": digest(letter)}
    message = cloudbuild_v1.Build.from_json(
        json.dumps(
            {
                "id": f"build-{letter}",
                "name": f"projects/123/locations/europe-west1/builds/build-{letter}",
                "projectId": PROJECT,
                "status": "SUCCESS",
                "createTime": f"2026-11-21T10:{minute:02}:00.123456Z",
                "finishTime": "2026-11-21T11:00:00Z",
                "images": [f"{REPOSITORY}:main"],
                "results": {"images": [pushed, pushed | {"name": f"{REPOSITORY}:{letter * 40}"}]},
                "logUrl": f"https://console.cloud.google.com/cloud-build/builds/build-{letter}",
                "buildTriggerId": "trigger-1",
                "substitutions": {
                    "TRIGGER_NAME": "push-to-main",
                    "BRANCH_NAME": "main",
                    "COMMIT_SHA": letter * 40,
                    "REPO_FULL_NAME": "acme/street",
                },
            }
        )
    )
    document: dict[str, Any] = json.loads(
        cloudbuild_v1.Build.to_json(message, use_integers_for_enums=False)
    )
    return document | changes


def a_build(letter: str = "a", minute: int = 1, **changes: Any) -> Build:
    return builds.parse(build_document(letter, minute, **changes))


def push(document: dict[str, Any], **message: Any) -> dict[str, Any]:
    """Return Pub/Sub's push wrapper around a build."""
    attributes = {"buildId": document["id"], "status": document["status"]}
    return {
        "message": {
            "attributes": attributes,
            "data": base64.b64encode(json.dumps(document).encode()).decode(),
            "messageId": "7",
            "publishTime": "2026-11-21T11:00:01Z",
            **message,
        },
        "subscription": f"projects/{PROJECT}/subscriptions/builds",
    }


def a_target(**variables: str) -> Target:
    return Settings.from_environment(ENVIRONMENT | variables).targets[0]


def deployment(live: str = image("0"), **remembered: str) -> dict[str, Any]:
    """Return a Deployment of one container; `remembered` are our annotations, _ for -."""
    annotations = {PREFIX + name.replace("_", "-"): text for name, text in remembered.items()}
    return {
        "metadata": {
            "name": "ml-model",
            "namespace": "default",
            "uid": "uid-1",
            "resourceVersion": "42",
            "generation": 2,
            "annotations": {"deployment.kubernetes.io/revision": "2", **annotations},
        },
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": {"app": "ml-model"}},
            "template": {"spec": {"containers": [{"name": "ml-model", "image": live}]}},
        },
        "status": {
            "observedGeneration": 2,
            "replicas": 3,
            "updatedReplicas": 3,
            "availableReplicas": 3,
        },
    }


def replica_set(revision: int, live: str, available: int = 0, **remembered: str) -> dict[str, Any]:
    annotations = {PREFIX + name.replace("_", "-"): text for name, text in remembered.items()}
    return {
        "metadata": {
            "name": f"ml-model-{revision}",
            "uid": f"uid-rs-{revision}",
            "annotations": {"deployment.kubernetes.io/revision": str(revision), **annotations},
        },
        "spec": {"template": {"spec": {"containers": [{"name": "ml-model", "image": live}]}}},
        "status": {"availableReplicas": available},
    }


def waiting_pod(
    waiting: dict[str, str], restarts: int = 0, *, last: Any = None, revision: int = 2
) -> dict[str, Any]:
    """Return a pod of `replica_set(revision, …)` whose container waits for this reason."""
    container = {
        "name": "ml-model",
        "restartCount": restarts,
        "state": {"waiting": waiting},
        "lastState": {"terminated": last} if last else {},
    }
    owner = {"uid": f"uid-rs-{revision}"}
    return {
        "metadata": {"name": f"ml-model-{revision}-x", "ownerReferences": [owner]},
        "status": {"containerStatuses": [container]},
    }


def waited(reason: str, words: str, last: Any = None) -> Progress:
    """Return what is made of an image rolled out whose container waits, or crashes as `last`."""
    rolling = deployment(image("b"), image=image("b"), state="rolling", serial="3")
    rolling["status"]["availableReplicas"] = 2
    pod = waiting_pod({"reason": reason, "message": words}, 2 if last else 0, last=last)
    return assess(DeploymentSnapshot(rolling, (replica_set(2, image("b")),)), [pod])


def rolled_out(
    letter: str = "a", minute: int = 1, state: str = "live", **more: str
) -> DeploymentSnapshot:
    """Return a Deployment on which `a_build(letter, minute)` was rolled out."""
    remembered = {
        "serial": "3",
        "state": state,
        "build_id": f"build-{letter}",
        "build_time": builds.moment(a_build(letter, minute).created_ns),
        "image": image(letter),
        "previous_image": image("0"),
    }
    return DeploymentSnapshot(deployment(image(letter), **(remembered | more)))
