"""What a rollout needs of the place where images run, whichever that is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from rollout.changes import Change
from rollout.progress import Progress
from rollout.snapshot import Snapshot

_Read = TypeVar("_Read", bound=Snapshot)


class Platform(Protocol[_Read]):
    """One target, read and changed; every method raises PermanentError and TransientError."""

    def snapshot(self) -> _Read:
        """Return the target as it is now."""

    def watcher(self) -> Callable[[_Read], Progress]:
        """Return what judges one rollout by each snapshot of it."""

    def change(self, snapshot: _Read, change: Change, *, dry_run: bool = False) -> _Read:
        """Write a change and return what has become of the target.

        Raises ConflictError if it has changed since `snapshot`.
        """

    def record(self, snapshot: _Read, name: str, event: Mapping[str, str]) -> bool:
        """Write down, where people look, what happened; return False if it is there already.

        `event` has type, reason and message.
        """
