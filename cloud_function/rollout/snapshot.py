"""What a target was at one moment, on whatever platform: the facts to decide on. No I/O."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rollout import state as states
from rollout.build import repository_of
from rollout.state import State
from rollout.targets import Target

#: An object as its API has it.
Json = Mapping[str, Any]


@dataclass(frozen=True)
class Containers:
    """The containers that a rollout sets: the one that names what is live, and all of them."""

    main: str
    names: tuple[str, ...]
    init_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Earlier:
    """What was asked for at some time: container -> image, and whether any of it serves now."""

    images: Mapping[str, str]
    is_available: bool


class Snapshot(ABC):
    """A Deployment, or what is one elsewhere, as it was read."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Return its name."""

    @property
    @abstractmethod
    def uid(self) -> str:
        """Return what tells it from another of the same name."""

    @property
    @abstractmethod
    def annotations(self) -> Mapping[str, str]:
        """Return its annotations."""

    @property
    @abstractmethod
    def pause(self) -> str:
        """Return why people have it stand still, by the platform's own means; else nothing."""

    @property
    @abstractmethod
    def plain_images(self) -> Mapping[str, str]:
        """Return container -> image that is asked for."""

    @property
    def init_images(self) -> Mapping[str, str]:
        """Return init container -> image that is asked for."""
        return {}

    @abstractmethod
    def earlier(self) -> Sequence[Earlier]:
        """Return what was asked for before, and is now, the newest first."""

    @cached_property
    def own_state(self) -> State:
        """Return what the annotations say now."""
        return states.read(self.annotations)

    @cached_property
    def is_undone(self) -> bool:
        """Tell whether somebody has taken it back, its annotations included."""
        return False

    @cached_property
    def state(self) -> State:
        """Return what was remembered last, wherever it is; what people set is read from now."""
        return self.own_state

    def images(self) -> dict[str, str]:
        """Return container -> image that is asked for, init containers last."""
        return {**self.plain_images, **self.init_images}

    def containers(self, target: Target, repository: str) -> Containers | None:
        """Return which containers take an image of `repository`; None where there is no such.

        One of ours among the init containers, a native sidecar too, is as good as any.
        """
        plain, init = self.plain_images, self.init_images
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
        """Return the image that serves, or is to; empty where none is ours."""
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


def _is_of(image: str, repository: str) -> bool:
    return repository_of(image) == repository
