"""What to do about a build, and why: a pure function of the build, what is there and the target.

No I/O and no clock of its own: the same facts always lead to the same decision.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from rollout.build import FAILURES, Build, Image, digest_of, repository_of
from rollout.snapshot import Snapshot
from rollout.state import Phase
from rollout.targets import Target


class Action(StrEnum):
    """What a decision leads to."""

    SKIP = "skip"
    REFUSE = "refuse"
    WATCH = "watch"
    ASK = "ask"
    ROLL = "roll"


@dataclass(frozen=True)
class Decision:
    """An action with its reason, a slug, and the sentence for a person."""

    action: Action
    reason: str
    detail: str
    image: Image | None = None


@dataclass(frozen=True)
class Circumstances:
    """What a decision depends on besides build, Deployment and target; time in s since 1970."""

    now_s: float
    allow_manual_builds: bool = False
    force: bool = False


#: Of what is not rolled out, this is for people to know; the rest is only logged.
TOLD = frozenset(
    {
        "build-failed",
        "held",
        "paused",
        "changed-by-hand",
        "undone-by-hand",
        "quarantined",
        "no-image",
        "ambiguous-image",
        "no-container",
        "approval-expired",
    }
)

#: For these a build is none of the target's: nobody is told of it, however it ended.
FOREIGN = frozenset(
    {
        "pull-request",
        "no-trigger",
        "other-trigger",
        "other-ref",
        "other-source",
        "other-image",
        "other-build",
    }
)


def decide(
    build: Build, snapshot: Snapshot, target: Target, circumstances: Circumstances
) -> Decision:
    """Return what to do about `build` on the Deployment in `snapshot`."""
    if not circumstances.force and (unfit := _unfit(build, target, circumstances)):
        return unfit
    if build.status in FAILURES and not circumstances.force:
        failed = _skip("build-failed", f"build {build.id} ended as {build.status}")
        return _foreign(build, snapshot, target) or failed
    if build.status != "SUCCESS":
        return _skip("not-successful", f"build {build.id} is {build.status}")
    image = _image(build, snapshot, target)
    if isinstance(image, Decision):
        return image
    return _course(build, snapshot, target, circumstances, image)


def _course(
    build: Build,
    snapshot: Snapshot,
    target: Target,
    circumstances: Circumstances,
    image: Image,
) -> Decision:
    state = snapshot.state
    is_own = build.id == state.build_id
    if is_own and state.phase == Phase.ROLLING and not _by_hand(snapshot, target):
        return Decision(Action.WATCH, "rolling", f"build {build.id} is being rolled out", image)
    if circumstances.force:
        return Decision(Action.ROLL, "forced", f"build {build.id} is rolled out by force", image)
    if by_hand := _by_hand(snapshot, target):
        if target.on_manual_change == "hold":
            return by_hand
    elif is_own:
        return _known(build, state.phase)
    return (
        _held(snapshot)
        or _outdated(build, snapshot)
        or _quarantined(snapshot, image)
        or _unapproved(build, snapshot, target, circumstances, image)
        or Decision(Action.ROLL, "newer", f"build {build.id} is the newest", image)
    )


def _unfit(build: Build, target: Target, circumstances: Circumstances) -> Decision | None:
    """Return why a build is none of the target's, whatever the Deployment's state; else None."""
    if build.is_pull_request:
        return _skip("pull-request", f"build {build.id} is of a pull request")
    # Who submits a build by hand may call it TRIGGER_NAME; the trigger's id only Cloud Build sets.
    if not build.trigger_id and not circumstances.allow_manual_builds:
        return _skip("no-trigger", f"build {build.id} was started by hand, not by a trigger")
    if target.triggers and not {build.trigger, build.trigger_id} & set(target.triggers):
        return _skip("other-trigger", f"trigger {build.trigger!r} is not one of TRIGGERS")
    has_no_ref = not build.trigger_id and not build.ref
    if not has_no_ref and not any(re.fullmatch(pattern, build.ref) for pattern in target.refs):
        return _skip("other-ref", f"{build.ref or 'no ref'} matches none of REFS")
    if target.sources and build.source not in target.sources:
        return _skip("other-source", f"source {build.source!r} is not in SOURCE_REPOSITORIES")
    return None


def is_fit(build: Build, target: Target, circumstances: Circumstances) -> bool:
    """Tell whether a build is successful and the target's, whatever the Deployment's state."""
    return build.status == "SUCCESS" and _unfit(build, target, circumstances) is None


def _repositories(snapshot: Snapshot, target: Target) -> set[str]:
    """Return which repositories' images are the target's, also where a person has put another."""
    if target.repository:
        return {target.repository}
    images = snapshot.images()
    of = [images[target.container]] if target.container in images else list(images.values())
    return {repository_of(image) for image in (*of, snapshot.state.image) if image}


def _foreign(build: Build, snapshot: Snapshot, target: Target) -> Decision | None:
    """Return why a build that pushed nothing is another's; None where it is the target's.

    It is the target's by a trigger of TRIGGERS, which was looked at before; by the images it was to
    push; and where it names none, by the trigger of the build that was rolled out last.
    """
    wanted = _repositories(snapshot, target)
    if target.triggers or build.repositories & wanted:
        return None
    # What a step pushes besides, a chart or a branch, does not say that the image was another's.
    is_declared = build.requested_images or build.images
    if not is_declared and build.trigger_id and build.trigger_id == snapshot.state.trigger_id:
        return None
    if build.repositories:
        return _other_image(build, wanted)
    return _skip(
        "other-build",
        f"build {build.id} is {build.status} and names no image, and nothing is known to be of its "
        f"trigger {build.trigger or build.trigger_id!r}: if it is to be followed, TRIGGERS says so",
    )


def _other_image(build: Build, wanted: set[str]) -> Decision:
    pushed, ours = (", ".join(sorted(each)) for each in (build.repositories, wanted))
    return _skip("other-image", f"build {build.id} is of {pushed}, not of {ours}")


def _image(build: Build, snapshot: Snapshot, target: Target) -> Image | Decision:
    """Return the image to roll out, or the decision that there is none."""
    if not build.images:
        asked = ", ".join(build.requested_images) or "none"
        return _foreign(build, snapshot, target) or _refuse(
            "no-image",
            f"build {build.id} reports no pushed image (asked for: {asked}): list the image under "
            "`images:` at the top level of cloudbuild.yaml, a `docker push` step is not reported",
        )
    wanted = _repositories(snapshot, target)
    found = [image for image in build.images if image.repository in wanted]
    if not found:
        return _other_image(build, wanted)
    known = ", ".join(snapshot.images())
    if target.container and target.container not in snapshot.images():
        return _refuse("no-container", f"no container {target.container!r}; there are {known}")
    if len(found) > 1:
        several = ", ".join(str(image) for image in found)
        return _refuse(
            "ambiguous-image",
            f"build {build.id} pushed {several}: set IMAGE_REPOSITORY, and push one digest to it",
        )
    if snapshot.containers(target, found[0].repository) is None:
        by_hand = _by_hand(snapshot, target) if target.on_manual_change == "hold" else None
        return by_hand or _refuse(
            "no-container",
            f"no container uses {found[0].repository}: set CONTAINER to one of {known}",
        )
    return found[0]


def _by_hand(snapshot: Snapshot, target: Target) -> Decision | None:
    """Return the hold that a person's own change of the image means."""
    state, cure = snapshot.state, "python -m rollout resume takes over from here"
    if snapshot.is_undone:
        return _skip("undone-by-hand", f"somebody took {state.image or 'the rollout'} back; {cure}")
    if snapshot.is_changed(target):
        live = snapshot.live_image(target, repository_of(state.image)) or "another image"
        return _skip("changed-by-hand", f"somebody set {live} in place of {state.image}; {cure}")
    return None


def _known(build: Build, phase: Phase) -> Decision:
    if phase == Phase.LIVE:
        return _skip("already-live", f"build {build.id} is live")
    return _skip("already-decided", f"build {build.id} was rolled out before ({phase or 'undone'})")


def _held(snapshot: Snapshot) -> Decision | None:
    if snapshot.state.hold:
        return _skip("held", f"held: {snapshot.state.hold}")
    if snapshot.pause:
        return _skip("paused", snapshot.pause)
    return None


def _outdated(build: Build, snapshot: Snapshot) -> Decision | None:
    state = snapshot.state
    if build.order < state.order:
        return _skip("superseded", f"build {build.id} is older than build {state.order[1]}")
    if build.order == state.overruled:
        return _skip("superseded", f"a person has put build {state.build_id} over {build.id}")
    pending = state.pending
    if pending and build.order < (pending.created_ns, pending.build_id):
        return _skip("superseded", f"build {build.id} is older than pending {pending.build_id}")
    return None


def _quarantined(snapshot: Snapshot, image: Image) -> Decision | None:
    state = snapshot.state
    if image.digest not in state.quarantined:
        return None
    why = f": {state.reason}" if digest_of(state.image) == image.digest and state.reason else ""
    return _refuse(
        "quarantined",
        f"{image.digest} failed before{why}; python -m rollout resume --digest lets it in again",
    )


def _unapproved(
    build: Build,
    snapshot: Snapshot,
    target: Target,
    circumstances: Circumstances,
    image: Image,
) -> Decision | None:
    if target.approval != "required":
        return None
    state = snapshot.state
    is_asked = state.pending is not None and state.pending.build_id == build.id
    if is_asked and state.pending and circumstances.now_s > state.pending.expires_s:
        return _skip("approval-expired", f"build {build.id} was not approved in time")
    if state.approved == build.id:
        return None
    if is_asked:
        return _skip("approval-awaited", f"build {build.id} waits for approval")
    return Decision(Action.ASK, "approval-required", f"build {build.id} needs approval", image)


def _skip(reason: str, detail: str) -> Decision:
    return Decision(Action.SKIP, reason, detail)


def _refuse(reason: str, detail: str) -> Decision:
    return Decision(Action.REFUSE, reason, detail)
