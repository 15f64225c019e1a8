"""What a pull that fails says of its image: only what is certain quarantines a digest."""

from __future__ import annotations

import pytest

from rollout.progress import Verdict
from tests.cloud_function.samples import waited

HERE = "europe-west1-docker.pkg.dev/my-project/slipway/ml-model"
NAME = f"{HERE}@sha256:{'4' * 60}0401"
PULL = f'failed to pull and unpack image "{NAME}": '
RESOLVE = f'{PULL}failed to resolve reference "{NAME}": '
TOKEN = "https://europe-west1-docker.pkg.dev/v2/token?scope=repository%3Aslipway%3Apull"


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
        progress = waited(reason, words)
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
        progress = waited(reason, words)
        assert (progress.verdict, progress.is_images_fault) == (Verdict.TROUBLED, False)
