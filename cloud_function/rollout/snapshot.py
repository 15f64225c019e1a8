"""A Deployment and its ReplicaSets as they were read at one moment: the facts to decide on. No I/O.

The objects are the API's own JSON, as `kubectl get -o json` prints it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from rollout import state as states
from rollout.build import repository_of
from rollout.state import State
from rollout.targets import Target

Json = Mapping[str, Any]
_REVISION = "deployment.kubernetes.io/revision"


@dataclass(frozen=True)
class Containers:
    """The containers that a rollout sets: the one that names what is live, and all of them."""

    main: str
    names: tuple[str, ...]
    init_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Snapshot:
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
    def resource_version(self) -> str:
        """Return the version that a patch is only valid for."""
        return str(self.deployment["metadata"]["resourceVersion"])

    @property
    def is_paused(self) -> bool:
        """Tell whether `kubectl rollout pause` holds the Deployment."""
        return bool(self.deployment["spec"].get("paused"))

    @cached_property
    def own_state(self) -> State:
        """Return what the Deployment's annotations say now."""
        return states.read(annotations_of(self.deployment))

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
        copies = (states.read(annotations_of(found)) for found in self.replica_sets)
        return max((self.own_state, *copies), key=lambda state: state.serial)

    def images(self, template_of: Json | None = None) -> dict[str, str]:
        """Return container -> image, init containers last."""
        return {**self._of("containers", template_of), **self._of("initContainers", template_of)}

    def containers(self, target: Target, repository: str) -> Containers | None:
        """Return which containers take an image of `repository`; None where there is no such.

        One of ours among the init containers, a native sidecar too, is as good as any.
        """
        plain, init = self._of("containers"), self._of("initContainers")
        names = tuple(name for name, image in plain.items() if _is_of(image, repository))
        init_names = tuple(name for name, image in init.items() if _is_of(image, repository))
        if target.container in plain:
            return Containers(target.container, (target.container,), init_names)
        if target.container in init:
            return Containers(target.container, (), (target.container,))
        if target.container:
            return None
        if not names and not init_names and target.repository == repository and len(plain) == 1:
            names = tuple(plain)
        main = next(iter(names + init_names), None)
        return Containers(main, names, init_names) if main else None

    def live_image(self, target: Target, repository: str) -> str:
        """Return the image that the Deployment asks for now; empty where it has none of ours."""
        found = self.containers(target, repository)
        return self.images()[found.main] if found else ""

    @property
    def rolled_out_names(self) -> frozenset[str]:
        """Return the containers, init containers too, that have the image last rolled out."""
        ours = self.state.image
        return frozenset(name for name, image in self.images().items() if image == ours)

    def is_changed(self, target: Target) -> bool:
        """Tell whether somebody has set another image than the one that was rolled out."""
        ours = self.own_state.image
        return bool(ours) and self.live_image(target, repository_of(ours)) != ours

    @property
    def newest_replica_set(self) -> Json | None:
        """Return the ReplicaSet of the Deployment's current revision, once there is one."""
        wanted = annotations_of(self.deployment).get(_REVISION)
        for found in self.replica_sets:
            if wanted and annotations_of(found).get(_REVISION) == wanted:
                return found
        return None

    def by_revision(self) -> list[Json]:
        """Return the ReplicaSets, the newest first."""
        return sorted(self.replica_sets, key=_revision, reverse=True)

    def _of(self, kind: str, template_of: Json | None = None) -> dict[str, str]:
        spec = (template_of or self.deployment)["spec"]["template"]["spec"]
        return {item["name"]: item.get("image", "") for item in spec.get(kind) or ()}


def annotations_of(thing: Json) -> Mapping[str, str]:
    """Return an object's annotations."""
    found: Mapping[str, str] = thing["metadata"].get("annotations") or {}
    return found


def _is_of(image: str, repository: str) -> bool:
    return repository_of(image) == repository


def _revision(replica_set: Json) -> int:
    text = annotations_of(replica_set).get(_REVISION, "")
    return int(text) if text.isdigit() else 0
