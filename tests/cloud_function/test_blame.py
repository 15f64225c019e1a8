"""What a rollout that fails says of its image: only what is certain quarantines a digest."""

from __future__ import annotations

from typing import Any

import pytest

from rollout.snapshot import Snapshot
from rollout.watch import Progress, Verdict, assess
from tests.cloud_function.samples import deployment, image, replica_set, waiting_pod

NEW = replica_set(2, image("b"))
HERE = "europe-west1-docker.pkg.dev/my-project/slipway/ml-model"
NAME = f"{HERE}@sha256:{'4' * 60}0401"
PULL = f'failed to pull and unpack image "{NAME}": '
RESOLVE = f'{PULL}failed to resolve reference "{NAME}": '
TOKEN = "https://europe-west1-docker.pkg.dev/v2/token?scope=repository%3Aslipway%3Apull"


def _pulled(words: str, reason: str = "ErrImagePull") -> Progress:
    """Return what is made of a pull that fails with these words, on the image rolled out."""
    rolling = deployment(image("b"), image=image("b"), state="rolling", serial="3")
    rolling["status"]["availableReplicas"] = 2
    return assess(Snapshot(rolling, (NEW,)), [waiting_pod({"reason": reason, "message": words})])


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(f"rpc error: code = NotFound desc = {RESOLVE}{NAME}: not found", id="missing"),
        pytest.param(
            f'Back-off pulling image "{NAME}": ErrImagePull: rpc error: code = NotFound desc = '
            f"{RESOLVE}{NAME}: not found",
            id="missing, waiting to try again",
        ),
        pytest.param(
            f"{RESOLVE.replace('ml-model', 'token-proxy-denied')}"
            f"{NAME.replace('ml-model', 'token-proxy-denied')}: not found",
            id="missing, of an odd name",
        ),
        pytest.param(
            f'manifest unknown: Failed to fetch "{NAME}" from request '
            f'"/v2/my-project/slipway/ml-model/manifests/sha256:{"4" * 64}".',
            id="Artifact Registry, no such manifest",
        ),
        pytest.param(
            f"{RESOLVE}unexpected status from HEAD request to https://{HERE}: 404 Not Found: "
            'name unknown: Repository "slipway" not found',
            id="Artifact Registry, no such repository",
        ),
        pytest.param(
            f"Error response from daemon: manifest for {NAME} not found: manifest unknown",
            id="Docker",
        ),
        pytest.param(
            f"initializing source docker://{NAME}: reading manifest sha256:{'4' * 64} in {HERE}: "
            "manifest unknown",
            id="CRI-O",
        ),
        pytest.param(
            f"{PULL}no match for platform in manifest sha256:{'4' * 64}: not found", id="platform"
        ),
        pytest.param(
            "no matching manifest for linux/arm64/v8 in the manifest list entries",
            id="platform, Docker",
        ),
        pytest.param(
            f"choosing an image from manifest list docker://{NAME}: no image found in manifest "
            'list for architecture "arm64", variant "v8", OS "linux"',
            id="platform, CRI-O",
        ),
        pytest.param(
            'choosing image instance: no image found in image index for architecture "amd64"',
            id="platform, CRI-O, an index",
        ),
        pytest.param(
            f'{PULL}failed to get converter for "{NAME}": Pulling Schema 1 images have been '
            "deprecated and disabled by default since containerd v2.0.",
            id="too old a manifest",
        ),
        pytest.param(
            f"Error response from daemon: unknown: artifact library/a@sha256:{'4' * 64} not found",
            id="Harbor",
        ),
        pytest.param(
            "name unknown: The repository with name 'edge-proxy' does not exist in the registry "
            "with id '123456789012'",
            id="ECR, of an odd name",
        ),
    ],
)
def test_a_pull_that_says_that_the_image_is_bad_fails_at_once_and_blames_it(words: str):
    for reason in ("ErrImagePull", "ImagePullBackOff"):
        progress = _pulled(words, reason)
        assert (progress.verdict, progress.is_images_fault) == (Verdict.FAILED, True)


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("", id="no words"),
        pytest.param(f'Back-off pulling image "{NAME}"', id="back-off alone"),
        pytest.param(f"{RESOLVE}failed to authorize: 403 Forbidden", id="forbidden"),
        pytest.param(
            f"{RESOLVE}unexpected status from HEAD request to https://{HERE}: 401 Unauthorized",
            id="unauthorized",
        ),
        pytest.param(
            "denied: Permission 'artifactregistry.repositories.downloadArtifacts' denied on "
            'resource "projects/my-project/locations/europe-west1/repositories/slipway" '
            "(or it may not exist)",
            id="Artifact Registry, denied or missing",
        ),
        pytest.param(
            "pull access denied, repository does not exist or may require authorization: server "
            "message: insufficient_scope: authorization failed",
            id="Docker Hub, denied or missing",
        ),
        pytest.param(
            f"{RESOLVE}failed to authorize: failed to fetch oauth token: unexpected status from "
            f"GET request to {TOKEN}: 404 Not Found",
            id="no such token server",
        ),
        pytest.param("unauthorized: authentication required", id="authentication"),
        pytest.param("no basic auth credentials", id="no credentials"),
        pytest.param(
            'error getting credentials - err: exec: "docker-credential-gcr": executable file not '
            "found in $PATH",
            id="no credential helper",
        ),
        pytest.param("unauthorized: your authorization token has expired", id="expired token"),
        pytest.param(
            "toomanyrequests: You have reached your pull rate limit.", id="Docker Hub's limit"
        ),
        pytest.param(
            "429 Too Many Requests: Quota exceeded for quota metric 'Requests per minute'",
            id="quota",
        ),
        pytest.param(f"{RESOLVE}unexpected status: 503 Service Unavailable", id="503"),
        pytest.param(
            f'{RESOLVE}failed to do request: Head "https://{HERE}/manifests/x": dial tcp: lookup '
            "europe-west1-docker.pkg.dev on 10.0.0.10:53: no such host",
            id="DNS",
        ),
        pytest.param(
            f'{RESOLVE}failed to do request: Head "https://{HERE}": dial tcp 1.2.3.4:443: '
            "i/o timeout",
            id="i/o timeout",
        ),
        pytest.param(
            "tls: failed to verify certificate: x509: certificate signed by unknown authority",
            id="TLS",
        ),
        pytest.param("context deadline exceeded", id="deadline"),
        pytest.param("read: connection reset by peer", id="reset"),
        pytest.param("unexpected EOF", id="cut short"),
        pytest.param(
            f"{PULL}failed to extract layer sha256:{'1' * 64}: failed to get reader from content "
            f"store: content digest sha256:{'1' * 64}: not found",
            id="the node lost a layer",
        ),
        pytest.param(
            "failed to prepare extraction snapshot: no space left on device", id="disk full"
        ),
        pytest.param(
            "(Mirrors also failed: [mirror.example.com: connection refused]): manifest unknown",
            id="a mirror too",
        ),
        pytest.param(
            "manifest unknown, and the mirror's answer couldn't be read: it's denied",
            id="apostrophes are no quotes",
        ),
    ],
)
def test_a_pull_that_says_nothing_of_the_image_is_trouble_that_may_pass_and_blames_nobody(
    words: str,
):
    for reason in ("ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"):
        progress = _pulled(words, reason)
        assert (progress.verdict, progress.is_images_fault) == (Verdict.TROUBLED, False)


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
    progress = _pulled(words, reason)
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
    rolling = deployment(image("b"), image=image("b"), state="rolling", serial="3")
    rolling["status"]["availableReplicas"] = 2
    last = {"exitCode": 128, "reason": why, "message": words}
    waiting = {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}
    progress = assess(Snapshot(rolling, (NEW,)), [waiting_pod(waiting, 2, last=last)])
    assert (progress.verdict, progress.is_images_fault) == expected
    assert f"ended with status 128 ({why})" in progress.message


def test_a_container_of_another_image_fails_the_rollout_and_not_its_digest():
    rolling = deployment(image("b"), image=image("b"), state="rolling", serial="3")
    rolling["status"]["availableReplicas"] = 2
    pod = waiting_pod({"reason": "CrashLoopBackOff"}, 2)
    pod["status"]["containerStatuses"][0]["name"] = "proxy"
    progress = assess(Snapshot(rolling, (NEW,)), [pod])
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
    return assess(Snapshot(rolling, (NEW,)), [pod])


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
    progress = assess(Snapshot(migrating, (NEW,)), [pod])
    assert (progress.verdict, progress.is_images_fault) == (Verdict.FAILED, True)
    assert "container migrate: CrashLoopBackOff" in progress.message
