"""The lanes of this process: one for each loaded version, so that no model waits for another."""

from __future__ import annotations

import threading

from app.kinds.kind import LoadedModel
from app.serving.client import IsGone
from app.serving.entries import Entry
from app.serving.errors import ModelChanged
from app.serving.lane import Lane, Place, stopping


class Lanes:
    """Makes a lane when a version is first asked, and closes it when that is retired.

    Args:
        limit: places of each lane.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        # By `Entry.loaded`; None is one that was retired.
        self._lanes: dict[str, Lane | None] = {}
        self._is_closed = False

    @property
    def running_s(self) -> float:
        """How long the pass has been running that runs longest; 0 where none does."""
        return max((lane.running_s for lane in self._all()), default=0.0)

    def enter(
        self, entry: Entry, model: LoadedModel, *, timeout_s: float, is_gone: IsGone | None = None
    ) -> Place:
        """Return a place in the entry's lane.

        Raises ModelChanged where the entry was retired, and what `Lane.enter` raises.
        """
        with self._lock:
            lane = self._lane_of(entry, model)
            return lane.enter(timeout_s=timeout_s, is_gone=is_gone)

    def spare(self, entry: Entry, model: LoadedModel, timeout_s: float) -> Place | None:
        """Return a place in the entry's lane that counts for nobody; None while any lane works.

        Raises ModelChanged where the entry was retired.
        """
        with self._lock:
            lane = self._lane_of(entry, model)
            return lane.spare(timeout_s) if all(one.is_idle for one in self._all()) else None

    def _lane_of(self, entry: Entry, model: LoadedModel) -> Lane:
        if self._is_closed:
            raise stopping()
        if entry.loaded not in self._lanes:
            self._lanes[entry.loaded] = Lane(
                entry.title, model, limit=self._limit, max_batch=entry.max_batch
            )
        lane = self._lanes[entry.loaded]
        if lane is None:
            raise ModelChanged
        return lane

    def retire(self, loaded: str, drain_s: float) -> None:
        """Close the lane of what was loaded, once those are answered that have a place in it.

        Whoever asks for that afterwards is told that the model has changed.
        """
        with self._lock:
            lane = self._lanes.get(loaded)
            self._lanes[loaded] = None
        if lane is not None:
            lane.close(drain_s)

    def close(self) -> None:
        """Finish what waits in any lane and end all threads."""
        with self._lock:
            self._is_closed = True
        for lane in self._all():
            lane.close()

    def _all(self) -> list[Lane]:
        return [lane for lane in list(self._lanes.values()) if lane is not None]
