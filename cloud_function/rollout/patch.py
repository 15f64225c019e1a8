"""The patches: the images of our containers and our annotations, and nothing else. No I/O.

Each carries the resourceVersion that was decided on, so that it fails if anything has changed:
replicas, an autoscaler's or anybody's other fields are never written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rollout import state as states
from rollout.build import Build, Image, digest_of, repository_of
from rollout.errors import PermanentError
from rollout.snapshot import Containers, Snapshot
from rollout.state import Pending, Phase, State
from rollout.targets import Target

Patch = dict[str, Any]
_LONGEST_REASON = 1000


def roll(build: Build, snapshot: Snapshot, target: Target, image: Image) -> Patch:
    """Return the patch that sets `image` and remembers the build."""
    state = snapshot.state
    containers = _containers(snapshot, target, image.repository)
    live = snapshot.images()[containers.main]
    # Overtaken on its way, the build before was never seen to work: what was good stays known.
    keep = live == str(image) or (state.phase == Phase.ROLLING and live == state.image)
    previous = state.previous_image if keep else live
    rolled = state.of_build(build, str(image), previous)
    if image.digest in rolled.quarantined:
        others = tuple(known for known in rolled.quarantined if known != image.digest)
        rolled = replace(rolled, quarantined=others)
    cause = f"build {build.id} of {build.ref or 'unknown ref'} at {build.commit or 'unknown'}"
    names = (*containers.names, *containers.init_names)
    return _patch(snapshot, rolled, containers, dict.fromkeys(names, str(image)), cause)


def ask(build: Build, snapshot: Snapshot, image: Image, expires_s: int) -> Patch:
    """Return the patch that makes a build wait for approval."""
    pending = Pending(build.id, str(image), build.created_ns, expires_s)
    return note(snapshot, replace(snapshot.state, pending=pending))


def note(snapshot: Snapshot, state: State) -> Patch:
    """Return the patch that only remembers `state`."""
    return {
        "metadata": {
            "resourceVersion": snapshot.resource_version,
            "annotations": states.written(
                replace(state, serial=snapshot.state.serial + 1, reason=_short(state.reason))
            ),
        }
    }


def restore(
    snapshot: Snapshot, target: Target, reason: str, *, is_images_fault: bool = True
) -> tuple[Patch, str]:
    """Return the patch that brings back what was good before, and what that is.

    The digest that failed is quarantined if it is its own fault. With nothing good known, only that
    is in the patch, and the image returned is empty.
    """
    state = snapshot.state
    failed = replace(state, reason=reason)
    if is_images_fault and digest_of(state.image):
        failed = failed.quarantine(digest_of(state.image))
    containers = _containers(snapshot, target, repository_of(state.image))
    images = _previous_images(snapshot, failed, containers)
    good = images.get(containers.main, "")
    if not good or target.on_failure == "report":
        return note(snapshot, replace(failed, phase=Phase.FAILED)), ""
    restored = replace(failed, phase=Phase.ROLLED_BACK, image=good, previous_image="")
    cause = f"rollback of build {state.build_id}: {reason}"
    return _patch(snapshot, restored, containers, images, cause), good


def adopt(snapshot: Snapshot, target: Target, digest: str = "") -> Patch:
    """Return the patch that takes what is live for granted, and ends every hold.

    `digest` is let out of quarantine.
    """
    state = snapshot.state
    live = snapshot.live_image(target, repository_of(state.image)) if state.image else ""
    if state.image and not live:
        live = _successor(snapshot)
    is_other = live != state.image
    others = tuple(known for known in state.quarantined if known != digest)
    return note(
        snapshot,
        replace(
            state,
            hold="",
            pending=None,
            approved="",
            image=live,
            phase=Phase.NONE if is_other or snapshot.is_undone else state.phase,
            quarantined=others,
        ),
    )


def _successor(snapshot: Snapshot) -> str:
    """Return the image that somebody set in place of ours, by the container that had it."""
    images = snapshot.images()
    for found in snapshot.by_revision():
        for name, image in snapshot.images(found).items():
            if image == snapshot.state.image and name in images:
                return images[name]
    return next(iter(images.values()))


def _previous_images(snapshot: Snapshot, state: State, containers: Containers) -> dict[str, str]:
    """Return container -> image as it was before, of the ReplicaSet that ran it if it is there."""
    names = (*containers.names, *containers.init_names)
    candidates = []
    for found in snapshot.by_revision():
        images = snapshot.images(found)
        image = images.get(containers.main, "")
        if image and image != state.image and digest_of(image) not in state.quarantined:
            is_available = (found.get("status") or {}).get("availableReplicas", 0) > 0
            candidates.append((image, is_available, images))
    known = state.previous_image
    if known and digest_of(known) not in state.quarantined:
        same = [images for image, _, images in candidates if image == known]
        images = same[0] if same else {}
        return {name: images.get(name, known) for name in names}
    candidates.sort(key=lambda candidate: not candidate[1])
    if not candidates:
        return {}
    image, _, images = candidates[0]
    return {name: images.get(name, image) for name in names}


def _containers(snapshot: Snapshot, target: Target, repository: str) -> Containers:
    found = snapshot.containers(target, repository)
    if found is None:
        raise PermanentError(
            f"no container of {snapshot.name} takes {repository or 'an image of ours'}"
        )
    return found


def _patch(
    snapshot: Snapshot,
    state: State,
    containers: Containers,
    images: Mapping[str, str],
    cause: str,
) -> Patch:
    patch = note(snapshot, state)
    patch["metadata"]["annotations"][states.CHANGE_CAUSE] = _short(cause)
    of_kind = {"containers": containers.names, "initContainers": containers.init_names}
    spec = {
        kind: [{"name": name, "image": images[name]} for name in names]
        for kind, names in of_kind.items()
        if names
    }
    patch["spec"] = {"template": {"spec": spec}}
    return patch


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_REASON else text[: _LONGEST_REASON - 1] + "…"
