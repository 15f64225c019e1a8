"""What a rollout changes: our containers' images and what is remembered, nothing else. No I/O.

Each platform writes a change its own way, valid only for the snapshot that it was decided on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from rollout.build import Build, Image, digest_of, repository_of
from rollout.errors import PermanentError
from rollout.snapshot import Containers, Snapshot
from rollout.state import Pending, Phase, State
from rollout.targets import Target

_LONGEST_REASON = 1000


class Step(StrEnum):
    """What a change is for, where it takes more than images to tell."""

    NOTE = "note"
    ROLL = "roll"
    PROMOTE = "promote"
    RESTORE = "restore"


@dataclass(frozen=True)
class Change:
    """What is to be remembered from now on, and container -> image, for containers that change."""

    step: Step
    state: State
    images: Mapping[str, str] = field(default_factory=dict)
    cause: str = ""


def roll(build: Build, snapshot: Snapshot, target: Target, image: Image) -> Change:
    """Return the change that sets `image` and remembers the build."""
    state = snapshot.state
    containers = _containers(snapshot, target, image.repository)
    live = snapshot.live_image(target, image.repository)
    # Overtaken on its way, the build before was never seen to work: what was good stays known.
    keep = live == str(image) or (state.phase == Phase.ROLLING and live == state.image)
    previous = state.previous_image if keep else live
    rolled = state.of_build(build, str(image), previous)
    if image.digest in rolled.quarantined:
        others = tuple(known for known in rolled.quarantined if known != image.digest)
        rolled = replace(rolled, quarantined=others)
    cause = f"build {build.id} of {build.ref or 'unknown ref'} at {build.commit or 'unknown'}"
    names = (*containers.names, *containers.init_names)
    images = dict.fromkeys(names, str(image))
    return Change(Step.ROLL, _next(snapshot, rolled), images, _short(cause))


def ask(build: Build, snapshot: Snapshot, image: Image, expires_s: int) -> Change:
    """Return the change that makes a build wait for approval."""
    pending = Pending(build.id, str(image), build.created_ns, expires_s)
    return note(snapshot, replace(snapshot.state, pending=pending))


def note(snapshot: Snapshot, state: State) -> Change:
    """Return the change that only remembers `state`."""
    return Change(Step.NOTE, _next(snapshot, state))


def promote(snapshot: Snapshot) -> Change:
    """Return the change that gives what is new, and has passed its check, the requests."""
    return Change(Step.PROMOTE, _next(snapshot, snapshot.state))


def restore(
    snapshot: Snapshot, target: Target, reason: str, *, is_images_fault: bool = True
) -> tuple[Change, str]:
    """Return the change that brings back what was good before, and what that is.

    The digest that failed is quarantined if it is its own fault. With nothing good known, only that
    is in the change, and the image returned is empty.
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
    change = Change(Step.RESTORE, _next(snapshot, restored), images, _short(cause))
    return change, good


def adopt(snapshot: Snapshot, target: Target, digest: str = "") -> Change:
    """Return the change that takes what is live for granted, and ends every hold.

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
    for found in snapshot.earlier():
        for name, image in found.images.items():
            if image == snapshot.state.image and name in images:
                return images[name]
    return next(iter(images.values()))


def _previous_images(snapshot: Snapshot, state: State, containers: Containers) -> dict[str, str]:
    """Return container -> image as it was before, each as it was beside the others if known."""
    names = (*containers.names, *containers.init_names)
    candidates = []
    for found in snapshot.earlier():
        image = found.images.get(containers.main, "")
        if image and image != state.image and digest_of(image) not in state.quarantined:
            candidates.append((image, found.is_available, found.images))
    known = state.previous_image
    if known and digest_of(known) not in state.quarantined:
        same = [images for image, _, images in candidates if image == known]
        images: Mapping[str, str] = same[0] if same else {}
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


def _next(snapshot: Snapshot, state: State) -> State:
    return replace(state, serial=snapshot.state.serial + 1, reason=_short(state.reason))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_REASON else text[: _LONGEST_REASON - 1] + "…"
