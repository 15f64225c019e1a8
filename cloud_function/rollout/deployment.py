"""A Deployment and its ReplicaSets as they were read at one moment, and patches of it. No I/O.

The objects are the API's own JSON, as `kubectl get -o json` prints it. A patch holds the images of
our containers and our annotations, and nothing else: replicas, an autoscaler's or anybody's other
fields are never written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from rollout import state as states
from rollout.changes import Change
from rollout.snapshot import Earlier, Json, Snapshot
from rollout.state import State

_REVISION = "deployment.kubernetes.io/revision"


@dataclass(frozen=True)
class DeploymentSnapshot(Snapshot):
    """What was read; the ReplicaSets first, so that they are never newer than the Deployment."""

    deployment: Json
    replica_sets: tuple[Json, ...] = ()

    @property
    def name(self) -> str:
        """Return the Deployment's name."""
        return str(self.deployment["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """Return the Deployment's namespace."""
        return str(self.deployment["metadata"]["namespace"])

    @property
    def uid(self) -> str:
        """Return the Deployment's uid."""
        return str(self.deployment["metadata"]["uid"])

    @property
    def resource_version(self) -> str:
        """Return the version that a patch is only valid for."""
        return str(self.deployment["metadata"]["resourceVersion"])

    @property
    def annotations(self) -> Mapping[str, str]:
        """Return the Deployment's annotations."""
        return _annotations_of(self.deployment)

    @property
    def pause(self) -> str:
        """Return why it stands still, where `kubectl rollout pause` holds it."""
        if not self.deployment["spec"].get("paused"):
            return ""
        return "the Deployment is paused (kubectl rollout resume ends it)"

    @property
    def plain_images(self) -> Mapping[str, str]:
        """Return container -> image."""
        return _images(self.deployment, "containers")

    @property
    def init_images(self) -> Mapping[str, str]:
        """Return init container -> image."""
        return _images(self.deployment, "initContainers")

    def earlier(self) -> list[Earlier]:
        """Return what each ReplicaSet has, the newest first."""
        return [
            Earlier(
                _images(found, "containers") | _images(found, "initContainers"),
                (found.get("status") or {}).get("availableReplicas", 0) > 0,
            )
            for found in sorted(self.replica_sets, key=_revision, reverse=True)
        ]

    @cached_property
    def is_undone(self) -> bool:
        """Tell whether somebody has taken the Deployment back, its annotations included."""
        return self._last.serial > self.own_state.serial

    @cached_property
    def state(self) -> State:
        """Return what was remembered last, wherever it is; what people set is read from now."""
        own = self.own_state
        if not self.is_undone:
            return own
        return replace(self._last, hold=own.hold or self._last.hold, approved=own.approved)

    @property
    def _last(self) -> State:
        copies = (states.read(_annotations_of(found)) for found in self.replica_sets)
        return max((self.own_state, *copies), key=lambda state: state.serial)

    @property
    def newest_replica_set(self) -> Json | None:
        """Return the ReplicaSet of the Deployment's current revision, once there is one."""
        wanted = self.annotations.get(_REVISION)
        for found in self.replica_sets:
            if wanted and _annotations_of(found).get(_REVISION) == wanted:
                return found
        return None


def patch_of(snapshot: DeploymentSnapshot, change: Change) -> dict[str, Any]:
    """Return a change as a strategic merge patch, which fails if anything else has changed."""
    annotations = states.written(change.state)
    patch: dict[str, Any] = {
        "metadata": {"resourceVersion": snapshot.resource_version, "annotations": annotations}
    }
    if not change.images:
        return patch
    annotations[states.CHANGE_CAUSE] = change.cause
    of_kind = {"containers": snapshot.plain_images, "initContainers": snapshot.init_images}
    spec = {
        kind: [
            {"name": name, "image": image} for name, image in change.images.items() if name in there
        ]
        for kind, there in of_kind.items()
    }
    patch["spec"] = {"template": {"spec": {kind: found for kind, found in spec.items() if found}}}
    return patch


def _annotations_of(thing: Json) -> Mapping[str, str]:
    found: Mapping[str, str] = thing["metadata"].get("annotations") or {}
    return found


def _images(thing: Json, kind: str) -> dict[str, str]:
    spec = thing["spec"]["template"]["spec"]
    return {item["name"]: item.get("image", "") for item in spec.get(kind) or ()}


def _revision(replica_set: Json) -> int:
    text = _annotations_of(replica_set).get(_REVISION, "")
    return int(text) if text.isdigit() else 0
