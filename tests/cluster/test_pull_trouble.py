"""A registry that lets nobody in says nothing of the image: its digest may come again.

No node takes the pods, so what a kubelet would say of their images is said here, in its words.
"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.cloud_function.namespace import NAME
from tests.cloud_function.samples import REPOSITORY
from tests.cluster.site import Site
from tests.cluster.stage import Stage

pytestmark = pytest.mark.cluster

DENIED = (
    "failed to pull and unpack image: failed to resolve reference: failed to authorize: "
    "403 Forbidden: denied: Permission 'artifactregistry.repositories.downloadArtifacts' denied"
)


def _schedule_by(site: Site, scheduler: str) -> None:
    pod = {"schedulerName": scheduler}
    patch = json.dumps({"spec": {"template": {"spec": pod}}})
    site.kubectl("patch", "deployment", NAME, "-p", patch)


def _say_of(site: Site, digest: str, words: str) -> None:
    """Let the pod of that image wait for its pull, which fails with these words."""

    def pods() -> list[str]:
        return [
            pod["metadata"]["name"]
            for pod in site.pods()
            if pod["spec"]["containers"][0]["image"].endswith(digest)
        ]

    site.until(lambda: bool(pods()), "a pod")
    status = {
        "name": NAME,
        "image": f"{REPOSITORY}@{digest}",
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "state": {"waiting": {"reason": "ErrImagePull", "message": words}},
    }
    patch = json.dumps({"status": {"containerStatuses": [status]}})
    (name,) = pods()
    site.kubectl("patch", "pod", name, "--subresource=status", "--type=merge", "-p", patch)


def test_a_pull_that_is_denied_is_taken_back_without_quarantine_and_the_digest_may_come_again(
    start_site: Stage,
):
    patient = replace(start_site, settings={"TROUBLE_TIMEOUT_S": "1"})
    with patient() as site:
        first = site.image
        _schedule_by(site, "nobody")
        digest = site.built("second")
        site.publish("second")
        _say_of(site, digest, DENIED)
        site.until(lambda: site.remembered.get("state") == "rolled-back", "the way back")
        assert site.image == first
        assert "denied" in site.remembered["reason"]
        assert "quarantined" not in site.remembered
        assert f"{digest} is not to blame" in site.kubectl("describe", "deployment", NAME)

        _schedule_by(site, "default-scheduler")
        assert site.outcomes(1) == [("rolled-back", "ErrImagePull")]
        site.announced("again", digest)
        site.publish("again")
        assert site.outcomes(2)[1] == ("live", "complete")
        assert site.serving() == {f"{REPOSITORY}@{digest}"}
