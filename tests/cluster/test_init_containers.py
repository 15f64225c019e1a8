"""An image of ours that only an init container has: rolled out, watched and taken back as any."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cloud_function.namespace import NAME
from tests.cloud_function.samples import REPOSITORY
from tests.cluster.site import Site

pytestmark = pytest.mark.cluster

# Another repository to all who read names; the registry behind every name has the same images.
THEIRS = REPOSITORY.replace("europe-west1-docker.pkg.dev", "eu.gcr.io")
PORT = 8090


def _init(name: str, image: str, like: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return an init container that the namespace's pod security standard lets in."""
    kept = {key: like[key] for key in ("securityContext", "resources", "terminationMessagePolicy")}
    return {"name": name, "image": image} | kept | more


def _put(site: Site, *init: dict[str, Any]) -> None:
    """Give the Deployment these init containers, and its own container to another repository."""
    theirs = site.image.replace(REPOSITORY, THEIRS)
    pod = {"containers": [{"name": NAME, "image": theirs}], "initContainers": list(init)}
    patch = {"spec": {"replicas": 1, "template": {"spec": pod}}}
    site.kubectl("patch", "deployment", NAME, "-p", json.dumps(patch))
    site.settle()


@pytest.fixture
def migrating(site: Site) -> Site:
    """Return a Deployment in which our image is the second of three init containers, and ends."""
    (web,) = site.deployment()["spec"]["template"]["spec"]["containers"]
    once = site.registry.push(VERSION="first", ONCE="1")
    _put(
        site,
        _init("before", f"{THEIRS}@{once}", web),
        _init("migrate", f"{REPOSITORY}@{once}", web),
        _init("after", f"{THEIRS}@{once}", web),
    )
    return site


def _images(site: Site) -> dict[str, str]:
    """Return what the Deployment asks for, in its order."""
    pod = site.deployment()["spec"]["template"]["spec"]
    return {one["name"]: one["image"] for one in (*pod["initContainers"], *pod["containers"])}


def test_a_build_goes_live_in_the_init_container_and_nothing_else_changes(migrating: Site):
    before = _images(migrating)
    digest = migrating.built("second", ONCE="1")
    migrating.publish("second")
    assert migrating.outcomes(1) == [("live", "complete")]
    after = _images(migrating)
    assert list(after) == list(before) == ["before", "migrate", "after", NAME]
    assert after == before | {"migrate": f"{REPOSITORY}@{digest}"}
    (pod,) = [pod["metadata"]["name"] for pod in migrating.ready_pods()]
    assert migrating.kubectl("logs", pod, "-c", "migrate") == "version second\n"
    assert migrating.remembered["image"] == f"{REPOSITORY}@{digest}"
    assert migrating.events() == ["RolledOut", "RollingOut"]

    migrating.kubectl("rollout", "undo", f"deployment/{NAME}")
    migrating.settle()
    migrating.publish("second")
    assert migrating.outcomes(2)[1] == ("skipped", "undone-by-hand")
    assert _images(migrating) == before


def test_one_that_is_missing_or_crashes_is_taken_back_and_named(migrating: Site):
    before = _images(migrating)
    migrating.announced("missing", "sha256:" + "0" * 64)
    migrating.publish("missing")
    assert migrating.outcomes(1)[0][0] == "rolled-back"
    assert "container migrate: " in migrating.remembered["reason"]
    assert "not found" in migrating.remembered["reason"]
    assert _images(migrating) == before

    # The second restart comes 10 s after the first.
    migrating.give_up_after(60)
    crashing = migrating.built("crashing", CRASH="no such table")
    migrating.publish("crashing")
    assert migrating.outcomes(2)[1] == ("rolled-back", "CrashLoopBackOff")
    assert "container migrate: CrashLoopBackOff" in migrating.remembered["reason"]
    assert "no such table" in migrating.remembered["reason"]
    assert migrating.remembered["quarantined"].split()[-1] == crashing
    assert _images(migrating) == before


def _runs_first(site: Site, digest: str) -> bool:
    """Say whether an init container of an image runs in any pod."""
    return any(
        "running" in status["state"] and status["imageID"].endswith(digest)
        for pod in site.pods()
        for status in pod["status"].get("initContainerStatuses", ())
    )


def test_a_native_sidecar_that_never_gets_ready_is_taken_back(site: Site):
    (web,) = site.deployment()["spec"]["template"]["spec"]["containers"]
    first = site.registry.push(VERSION="first")
    probe = {"httpGet": {"path": "/readyz", "port": PORT}, "periodSeconds": 1}
    sidecar = _init("sidecar", f"{REPOSITORY}@{first}", web, restartPolicy="Always")
    given = {"env": [{"name": "PORT", "value": str(PORT)}], "startupProbe": probe}
    _put(site, sidecar | given)
    before = _images(site)

    digest = site.built("second")
    site.publish("second")
    assert site.outcomes(1) == [("live", "complete")]
    assert _images(site)["sidecar"] == f"{REPOSITORY}@{digest}"

    site.give_up_after(600)
    bad = site.built("bad", UNREADY="1")
    site.publish("bad")
    site.until(lambda: _runs_first(site, bad), "the bad sidecar at work")
    site.give_up_after(1)
    assert site.outcomes(2)[1] == ("rolled-back", "ProgressDeadlineExceeded")
    assert "sidecar" in site.remembered["reason"]
    assert site.remembered["quarantined"] == bad
    assert _images(site) == before | {"sidecar": f"{REPOSITORY}@{digest}"}
