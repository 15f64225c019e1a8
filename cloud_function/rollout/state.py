"""What the function remembers: annotations on the Deployment, and nothing anywhere else. No I/O.

`kubectl rollout undo` takes a Deployment's annotations back to the old ReplicaSet's copy of them.
`serial` grows with every change of ours, so that state which has gone backwards is noticed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from rollout.build import Build, moment, nanoseconds

PREFIX = "slipway.dev/"
HOLD = PREFIX + "hold"
APPROVED = PREFIX + "approved"
CHANGE_CAUSE = "kubernetes.io/change-cause"
#: The oldest is forgotten first: a Deployment's annotations have 256 KiB together.
MOST_QUARANTINED = 20


class Phase(StrEnum):
    """Where the newest build's rollout is."""

    NONE = ""
    ROLLING = "rolling"
    LIVE = "live"
    ROLLED_BACK = "rolled-back"
    FAILED = "failed"


@dataclass(frozen=True)
class Pending:
    """A build that waits for a person; times in seconds since 1970."""

    build_id: str
    image: str
    created_ns: int
    expires_s: int


@dataclass(frozen=True)
class State:
    """What is remembered; the build is the one that was rolled out last, failed or not.

    `overruled` is the newest build's time and id, where a person has put an older one over it.
    """

    serial: int = 0
    phase: Phase = Phase.NONE
    build_id: str = ""
    created_ns: int = 0
    trigger_id: str = ""
    commit: str = ""
    ref: str = ""
    source: str = ""
    log_url: str = ""
    image: str = ""
    previous_image: str = ""
    reason: str = ""
    quarantined: tuple[str, ...] = ()
    hold: str = ""
    pending: Pending | None = None
    approved: str = ""
    overruled: tuple[int, str] = (0, "")

    @property
    def order(self) -> tuple[int, str]:
        """Return what a build's own order is compared with."""
        return max((self.created_ns, self.build_id), self.overruled)

    def quarantine(self, digest: str) -> State:
        """Return the state in which `digest` is not rolled out again."""
        others = tuple(known for known in self.quarantined if known != digest)
        return replace(self, quarantined=(*others, digest)[-MOST_QUARANTINED:])

    def of_build(self, build: Build, image: str, previous_image: str) -> State:
        """Return the state in which `build`'s image is on its way."""
        return replace(
            self,
            phase=Phase.ROLLING,
            build_id=build.id,
            created_ns=build.created_ns,
            trigger_id=build.trigger_id,
            commit=build.commit,
            ref=build.ref,
            source=build.source,
            log_url=build.log_url,
            image=image,
            previous_image=previous_image,
            reason="",
            pending=None,
            approved="",
            overruled=self.order if self.order > build.order else (0, ""),
        )


def read(annotations: Mapping[str, str]) -> State:
    """Read what is remembered; what cannot be read counts as not there."""

    def text(name: str) -> str:
        return annotations.get(PREFIX + name, "")

    phase = text("state")
    serial = text("serial")
    return State(
        serial=int(serial) if serial.isascii() and serial.isdigit() else 0,
        phase=Phase(phase) if phase in list(Phase) else Phase.NONE,
        build_id=text("build-id"),
        created_ns=_nanoseconds(text("build-time")),
        trigger_id=text("trigger"),
        commit=text("commit"),
        ref=text("ref"),
        source=text("source"),
        log_url=text("build-log"),
        image=text("image"),
        previous_image=text("previous-image"),
        reason=text("reason"),
        quarantined=tuple(text("quarantined").split()),
        hold=text("hold"),
        pending=_pending(text("pending")),
        approved=text("approved").strip(),
        overruled=_mark(text("overruled")),
    )


def written(state: State) -> dict[str, str | None]:
    """Return the annotations of a state; None takes one away, as a strategic merge patch does."""
    pending = state.pending
    texts = {
        "serial": str(state.serial),
        "state": str(state.phase),
        "build-id": state.build_id,
        "build-time": moment(state.created_ns) if state.created_ns else "",
        "trigger": state.trigger_id,
        "commit": state.commit,
        "ref": state.ref,
        "source": state.source,
        "build-log": state.log_url,
        "image": state.image,
        "previous-image": state.previous_image,
        "reason": state.reason,
        "quarantined": " ".join(state.quarantined),
        "hold": state.hold,
        "approved": state.approved,
        "overruled": " ".join((moment(state.overruled[0]), state.overruled[1]))
        if state.overruled[0]
        else "",
        "pending": json.dumps(
            {
                "build": pending.build_id,
                "image": pending.image,
                "created": moment(pending.created_ns),
                "expires": moment(pending.expires_s * 10**9),
            }
        )
        if pending
        else "",
    }
    return {PREFIX + name: value or None for name, value in texts.items()}


def _pending(text: str) -> Pending | None:
    try:
        found = json.loads(text)
        return Pending(
            build_id=str(found["build"]),
            image=str(found["image"]),
            created_ns=nanoseconds(found["created"]),
            expires_s=nanoseconds(found["expires"]) // 10**9,
        )
    except (ValueError, KeyError, TypeError):
        return None


def _mark(text: str) -> tuple[int, str]:
    created, _, build_id = text.partition(" ")
    return _nanoseconds(created), build_id


def _nanoseconds(text: str) -> int:
    try:
        return nanoseconds(text)
    except ValueError:
        return 0
