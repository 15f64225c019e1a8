"""What a container that fails says of its image: it is to blame where its own program is."""

from __future__ import annotations

from typing import Any

import pytest

from rollout.deployment import DeploymentSnapshot
from rollout.progress import Progress, Verdict
from rollout.watch import assess
from tests.cloud_function.samples import deployment, image, replica_set, waited, waiting_pod

NEW = replica_set(2, image("b"))


@pytest.mark.parametrize(
    ("reason", "words", "expected"),
    [
        pytest.param("InvalidImageName", "", (Verdict.FAILED, True), id="no name"),
        pytest.param("ErrImageNeverPull", "", (Verdict.TROUBLED, False), id="never pulled"),
        pytest.param(
            "RunContainerError",
            "failed to create containerd task: exec /server: exec format error",
            (Verdict.FAILED, True),
            id="another processor's",
        ),
        pytest.param(
            "RunContainerError",
            'unable to start container process: exec: "/nope": stat /nope: no such file or '
            "directory: unknown",
            (Verdict.FAILED, True),
            id="no such program",
        ),
        pytest.param(
            "RunContainerError",
            'error mounting "/var/lib/x" to rootfs: no such file or directory',
            (Verdict.TROUBLED, False),
            id="mount",
        ),
        pytest.param(
            "RunContainerError",
            "unable to start container process: error during container init: exec: "
            '"serve": executable file not found in $PATH: unknown',
            (Verdict.FAILED, True),
            id="no such program on the path",
        ),
        pytest.param(
            "RunContainerError",
            "OCI runtime create failed: unable to retrieve OCI runtime error: exec: "
            '"nvidia-container-runtime": executable file not found in $PATH: unknown',
            (Verdict.TROUBLED, False),
            id="the node has no such runtime",
        ),
        pytest.param(
            "RunContainerError",
            'failed to start shim: exec: "runc": executable file not found in $PATH: unknown',
            (Verdict.TROUBLED, False),
            id="the node has no runtime",
        ),
        pytest.param(
            "RunContainerError",
            "unable to start container process: error during container init: error running "
            'createRuntime hook #0: exec: "nvidia-container-runtime-hook": executable file not '
            "found in $PATH",
            (Verdict.TROUBLED, False),
            id="the node has no such hook",
        ),
        pytest.param(
            "CreateContainerError",
            "container create failed: executable file `serve` not found in $PATH: No such file or "
            "directory",
            (Verdict.FAILED, True),
            id="no such program, crun",
        ),
        pytest.param(
            "CreateContainerError",
            "unable to find user app: no matching entries in passwd file",
            (Verdict.FAILED, True),
            id="no such user",
        ),
        pytest.param(
            "CreateContainerError", "Error: no command specified", (Verdict.FAILED, True), id="none"
        ),
        pytest.param(
            "CreateContainerError",
            "context deadline exceeded",
            (Verdict.TROUBLED, False),
            id="slow node",
        ),
        pytest.param(
            "CreateContainerConfigError",
            'secret "weights" not found',
            (Verdict.TROUBLED, False),
            id="no Secret",
        ),
    ],
)
def test_a_container_that_does_not_start_blames_its_image_only_where_that_is_said(
    reason: str, words: str, expected: tuple[Verdict, bool]
):
    progress = waited(reason, words)
    assert (progress.verdict, progress.is_images_fault) == expected


START = "failed to create shim task: OCI runtime create failed: runc create failed: "
PROCESS = f"{START}unable to start container process: "


@pytest.mark.parametrize(
    ("why", "words", "expected"),
    [
        pytest.param("Error", "", (Verdict.FAILED, True), id="its program ended"),
        pytest.param("OOMKilled", "", (Verdict.FAILED, True), id="too much memory"),
        pytest.param(
            "StartError",
            f'{PROCESS}exec: "/nope": stat /nope: no such file or directory: unknown',
            (Verdict.FAILED, True),
            id="no such program",
        ),
        pytest.param(
            "ContainerCannotRun",
            f"{PROCESS}exec /server: exec format error",
            (Verdict.FAILED, True),
            id="another processor's, Docker",
        ),
        pytest.param(
            "StartError",
            f'{PROCESS}error during container init: error mounting "/var/lib/kubelet/x" to rootfs '
            'at "/etc/x": not a directory: unknown',
            (Verdict.TROUBLED, False),
            id="mount",
        ),
        pytest.param(
            "StartError",
            f"{START}error running prestart hook #0: exit status 1, stderr: nvidia-container-cli: "
            "initialization error: nvml error: driver not loaded: unknown",
            (Verdict.TROUBLED, False),
            id="the node's GPU driver",
        ),
        pytest.param(
            "StartError",
            "failed to create containerd task: mkdir /run/x: no space left on device: unknown",
            (Verdict.TROUBLED, False),
            id="disk full",
        ),
        pytest.param(
            "ContainerCannotRun",
            "failed to start shim: context deadline exceeded: unknown",
            (Verdict.TROUBLED, False),
            id="slow node, Docker",
        ),
        pytest.param("StartError", "", (Verdict.TROUBLED, False), id="not started, no words"),
        pytest.param(
            "ContainerStatusUnknown",
            "The container could not be located when the pod was terminated",
            (Verdict.TROUBLED, False),
            id="the node lost it",
        ),
    ],
)
def test_a_crash_loop_blames_the_image_where_its_program_ran_and_the_node_where_it_never_did(
    why: str, words: str, expected: tuple[Verdict, bool]
):
    last = {"exitCode": 128, "reason": why, "message": words}
    progress = waited("CrashLoopBackOff", "back-off 10s restarting failed container", last)
    assert (progress.verdict, progress.is_images_fault) == expected
    assert f"ended with status 128 ({why})" in progress.message


def test_a_container_of_another_image_fails_the_rollout_and_not_its_digest():
    rolling = deployment(image("b"), image=image("b"), state="rolling", serial="3")
    rolling["status"]["availableReplicas"] = 2
    pod = waiting_pod({"reason": "CrashLoopBackOff"}, 2)
    pod["status"]["containerStatuses"][0]["name"] = "proxy"
    progress = assess(DeploymentSnapshot(rolling, (NEW,)), [pod])
    assert (progress.verdict, progress.is_images_fault) == (Verdict.FAILED, False)


LATE = {"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "timed out"}


def _late(kind: str, **container: Any) -> Progress:
    """Return what is made of the deadline, with a container of ours in a pod like this."""
    rolling = deployment(image("b"), image=image("b"), state="rolling", serial="3")
    rolling["status"] |= {"availableReplicas": 2, "conditions": [LATE]}
    if kind == "initContainerStatuses":
        spec = rolling["spec"]["template"]["spec"]
        spec["initContainers"] = [{"name": "sidecar", "image": image("b")}]
        spec["containers"][0]["image"] = "eu.gcr.io/p/web:v1"
    pod = waiting_pod({})
    pod["status"] = {kind: [container]} if container else {}
    return assess(DeploymentSnapshot(rolling, (NEW,)), [pod])


@pytest.mark.parametrize(
    ("kind", "container", "blames"),
    [
        pytest.param(
            "containerStatuses",
            {"name": "ml-model", "ready": False, "state": {"running": {}}},
            True,
            id="ran and was not ready",
        ),
        pytest.param(
            "initContainerStatuses",
            {"name": "sidecar", "ready": False, "started": False, "state": {"running": {}}},
            True,
            id="a native sidecar that did not get ready",
        ),
        pytest.param("containerStatuses", {}, False, id="never scheduled"),
        pytest.param(
            "containerStatuses",
            {"name": "ml-model", "state": {"waiting": {"reason": "ContainerCreating"}}},
            False,
            id="never started",
        ),
        pytest.param(
            "containerStatuses",
            {"name": "ml-model", "ready": True, "state": {"running": {}}},
            False,
            id="ready, and the pod is not",
        ),
        pytest.param(
            "containerStatuses",
            {"name": "proxy", "ready": False, "state": {"running": {}}},
            False,
            id="another container was not ready",
        ),
        pytest.param(
            "containerStatuses",
            {
                "name": "ml-model",
                "state": {"waiting": {"reason": "ErrImagePull", "message": "denied"}},
            },
            False,
            id="denied all the time",
        ),
    ],
)
def test_at_the_deadline_an_image_is_to_blame_where_its_container_ran_in_vain(
    kind: str, container: dict[str, Any], blames: bool
):
    progress = _late(kind, **container)
    assert (progress.verdict, progress.is_images_fault) == (Verdict.FAILED, blames)


def test_an_init_container_that_crashes_fails_the_rollout_and_is_named():
    migrating = deployment("eu.gcr.io/p/web:v1", image=image("b"), state="rolling", serial="3")
    migrating["status"]["availableReplicas"] = 2
    init = [{"name": "migrate", "image": image("b")}]
    migrating["spec"]["template"]["spec"]["initContainers"] = init
    pod = waiting_pod({"reason": "CrashLoopBackOff"}, 2)
    pod["status"]["initContainerStatuses"] = pod["status"].pop("containerStatuses")
    pod["status"]["initContainerStatuses"][0]["name"] = "migrate"
    progress = assess(DeploymentSnapshot(migrating, (NEW,)), [pod])
    assert (progress.verdict, progress.is_images_fault) == (Verdict.FAILED, True)
    assert "container migrate: CrashLoopBackOff" in progress.message
