"""The models of one folder: found, prepared and replaced, each on its own.

One that fails any of these never serves, and never keeps the others from serving. Requests may
ask at any time, also while models load.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from app import log
from app.kinds.kind import Kind
from app.serving.arrivals import entry_of, samples_of, stamp_of
from app.serving.client import Ask, ModelStatus
from app.serving.entries import (
    READY,
    UNLOADED,
    Choice,
    Entry,
    Stamp,
    choose,
    default_entry,
    named,
    readiness,
    shadow_of,
    shares_of,
    span_of,
    split_of,
    with_parts,
)
from app.serving.errors import LoadFailed, ModelNotFound, ServingError
from app.serving.layout import MODELS_TEXT, Find, Found, find_models, order
from app.serving.preparation import Preparation
from app.serving.settings import ServingSettings
from app.serving.split import Part
from app.serving.telling import log_vacancy
from app.serving.vacancy import BEING_BROUGHT

_UNREADABLE = "the model repository cannot be read"
_NO_MODEL = f"there is no model ({MODELS_TEXT}) in the model repository"


class ModelRepository:
    """The models that `find` finds in the settings' folder, by the kinds given.

    Where the folder is a mirror, `find` has to be called once it is there. Safe to share between
    threads.
    """

    def __init__(
        self,
        settings: ServingSettings,
        kinds: Sequence[Kind],
        find: Find = find_models,
        *,
        is_mirrored: bool = False,
    ) -> None:
        self._settings = settings
        self._folder = settings.model_repository
        self._default_model = settings.default_model
        self._preparation = Preparation(settings, kinds)
        self._find = find
        self._lock = threading.Lock()
        self._error: str | None = None
        self._trouble: str | None = None
        # What was told to serve no more, until it is told to load.
        self._unloaded: set[str] = set()
        self._entries: tuple[Entry, ...] = ()
        self._seen: dict[tuple[str, int], Stamp] = {}
        # Of each version what it is to do for requests that name none.
        self._parts: Mapping[tuple[str, int], Part] = {}
        self._told_shares: dict[str, dict[str, Any]] = {}
        if is_mirrored:
            self._error = f"{settings.model_bucket} {BEING_BROUGHT}"
        else:
            self.find()

    def find(self, trouble: str | None = None) -> None:
        """Find what is to be loaded; `trouble` is why the folder is not as it should be."""
        self._note(trouble)
        try:
            entries = tuple(map(entry_of, self._find(self._folder)))
        except OSError as error:
            entries, trouble = (), error.strerror
        vacancy = f"{_UNREADABLE}: {trouble}" if trouble else _NO_MODEL
        self._entries, self._error = entries, None if entries else vacancy
        self._seen = {(entry.name, entry.version): entry.stamp for entry in entries}

    def load(self) -> None:
        """Load every model, one after the other, and log how each came out."""
        if self._error:
            log_vacancy(self._folder, self._error, self._settings.model_bucket)
        for entry in self._entries:
            if entry in self._snapshot():
                self._replace(entry, self._preparation.loaded(entry))
        self._tell_shares()

    def reconcile(self, trouble: str | None = None) -> list[Entry]:
        """Load what has come to the folder since, and let go of what is no longer to be served.

        Returns what was ready and is not served any more. A version serves as long as the one that
        is to take its place is not ready. Files that still change are waited for. `trouble` is why
        the folder is not as it should be. Called by one thread at a time.
        """
        try:
            found = self._find(self._folder)
        except OSError as error:
            self._note(error.strerror)
            return []
        self._note(trouble)
        wanted = {(one.name, one.version): one for one in found}
        stamps = {key: stamp_of(one) for key, one in wanted.items()}
        before, self._seen = self._seen, stamps
        settled = {key: one for key, one in wanted.items() if before.get(key) == stamps[key]}
        # A folder may be missing for the moment in which another takes its place.
        names = {name for name, _ in (*before, *stamps)}
        self._take_parts({key: one.part for key, one in wanted.items()})
        retired = self._load_all(settled, stamps, partial(self._let_go, stamps, names))
        self._refresh(wanted)
        self._tell_shares()
        return retired

    def take_up(self, name: str, trouble: str | None = None) -> list[Entry]:
        """Load what lies in the folder of one model, also what failed before or was unloaded.

        Returns as `reconcile` does, whose thread calls this too; nothing is waited for. Raises
        ModelNotFound, or LoadFailed where the folder cannot be read, or is not as it should be.
        """
        self._note(trouble)
        try:
            found = self._find(self._folder)
        except OSError as error:
            trouble = error.strerror
        if trouble:
            raise LoadFailed(f"{_UNREADABLE}: {trouble}")
        wanted = {(one.name, one.version): one for one in found if one.name == name}
        if not wanted:
            raise ModelNotFound(name, sorted({one.name for one in found}))
        stamps = {key: stamp_of(one) for key, one in wanted.items()}
        self._seen |= stamps
        with self._lock:
            self._unloaded.discard(name)
            again = [one for one in self._entries if one.name == name and one.state != READY]
            self._entries = tuple(one for one in self._entries if one not in again)
        self._take_parts({**self._parts, **{key: one.part for key, one in wanted.items()}})
        # One that kept the server from being ready goes on to, until it serves.
        is_update = all(one.is_update or one.state == UNLOADED for one in again)
        let_go = partial(self._let_go, stamps, {name}, of=name)
        retired = self._load_all(wanted, stamps, let_go, is_update=is_update)
        self._refresh(wanted)
        self._tell_shares()
        return retired

    def check_served(self, name: str) -> None:
        """Raise LoadFailed where a version of a model does not serve."""
        others = [one for one in self._snapshot() if one.name == name and one.state != READY]
        if others:
            raise LoadFailed("; ".join(one.state_text for one in others))

    def unload(self, name: str) -> list[Entry]:
        """Have a model serve no more, whatever comes to its folder; return what of it was ready.

        May be called by any thread. Raises ModelNotFound.
        """
        with self._lock:
            there = named(self._entries, name)
            self._unloaded.add(name)
            # Of a version that is being loaded anew the last is what lies in the folder.
            left = {one.version: one.unloaded() for one in there}
            kept = (one for one in self._entries if one not in there)
            self._entries = _sorted((*kept, *left.values()))
        log.event("model_unloaded", model=name)
        return [one for one in there if one.state == READY]

    def _load_all(
        self,
        found: Mapping[tuple[str, int], Found],
        stamps: Mapping[tuple[str, int], Stamp],
        let_go: Callable[[], list[Entry]],
        *,
        is_update: bool = False,
    ) -> list[Entry]:
        """Load what is not there as it was found; return what was let go of."""
        retired = let_go()
        for key in sorted(found):
            if not any(_is(entry, key, stamps[key]) for entry in self._snapshot()):
                self._load_beside(found[key], stamps[key], is_update=is_update)
                retired += let_go()
        return retired

    def _take_parts(self, parts: Mapping[tuple[str, int], Part]) -> None:
        """Have requests split anew, as far as who is to answer them is ready."""
        with self._lock:
            self._parts = parts
            self._entries = with_parts(self._entries, parts)

    def _tell_shares(self) -> None:
        """Log how requests are split now, where that has changed."""
        told = shares_of(self._snapshot())
        for name, shares in told.items():
            if shares != self._told_shares.get(name):
                log.event("split", "WARNING" if shares["not_ready"] else "INFO", **shares)
        self._told_shares = told

    def _refresh(self, wanted: Mapping[tuple[str, int], Found]) -> None:
        """Take up labels that have moved, and samples; nothing is loaded for that."""
        samples = {key: samples_of(found) for key, found in wanted.items()}
        with self._lock:
            self._entries = tuple(
                replace(
                    one,
                    found=replace(one.found, version_labels=wanted[key].version_labels),
                    samples=samples[key],
                )
                if (key := (one.name, one.version)) in wanted
                and (wanted[key].version_labels, samples[key])
                != (one.found.version_labels, one.samples)
                else one
                for one in self._entries
            )

    def _load_beside(self, found: Found, stamp: Stamp, *, is_update: bool) -> None:
        """Load a version while what there is of its model goes on serving."""
        there = self._snapshot()
        others = [entry for entry in there if entry.name == found.name]
        is_update = is_update or any(entry.state == READY for entry in there)
        entry = replace(entry_of(found), stamp=stamp, is_update=is_update)
        # What failed before under this number is forgotten.
        again = [one for one in others if one.version == found.version and one.state != READY]
        with self._lock:
            if found.name in self._unloaded:
                entry = entry.unloaded()
            kept = (one for one in self._entries if one not in again)
            self._entries = _sorted((*kept, entry))
            self._error = None
        if entry.state != UNLOADED:
            self._replace(entry, self._preparation.loaded(entry))

    def _let_go(
        self,
        stamps: Mapping[tuple[str, int], Stamp],
        names: Collection[str],
        *,
        of: str | None = None,
    ) -> list[Entry]:
        """Drop what is not wanted, or has been loaded anew; return what of that was ready.

        `names` are those of the models that are there; with `of` only that model is looked at.
        """
        entries = [one for one in self._snapshot() if of in (None, one.name)]
        wanted = [one for one in entries if stamps.get((one.name, one.version)) == one.stamp]
        can_go = {one.name for one in wanted if one.state == READY and one.part.may_answer}
        gone = [
            one
            for one in entries
            if one not in wanted
            and (one.name in can_go or one.name not in names or one.state != READY)
        ]
        with self._lock:
            self._entries = tuple(one for one in self._entries if one not in gone)
            self._error = None if self._entries else _NO_MODEL
        retired = [one for one in gone if one.state == READY]
        for entry in retired:
            log.event("model_retired", model=entry.name, version=entry.version)
        return retired

    def examine(self) -> None:
        """Find out what can be known of every model without a framework; no model is loaded."""
        for entry in self._entries:
            self._replace(entry, self._preparation.examined(entry))

    def choose(self, ask: Ask) -> Choice:
        """Return the ready model that a request means; raises ServingError."""
        entries = self._snapshot()
        entry = choose(entries, ask.model, ask.version, self._default_model, key=ask.key)
        if entry.model is None:
            raise AssertionError(f"{entry.title} is ready without a model")
        versions = [one for one in entries if one.name == entry.name]
        if ask.version is not None or len(versions) == 1:
            return Choice(entry, entry.model)
        return Choice(entry, entry.model, span_of(versions, ask.key), shadow_of(versions))

    def statuses(self) -> list[ModelStatus]:
        """Return every model's state, sorted by name."""
        entries = self._snapshot()
        try:
            default: Entry | None = default_entry(entries, self._default_model)
        except ServingError:
            default = None
        splits = {name: split_of(named(entries, name)) for name in {one.name for one in entries}}
        return [one.status(is_default=one is default, split=splits[one.name]) for one in entries]

    def readiness(self) -> tuple[bool, str]:
        """Say whether traffic may come, and in one line why not."""
        if self._error:
            return False, self._error
        wants_all = self._settings.ready == "all"
        return readiness(self._snapshot(), self._default_model, wants_all=wants_all)

    def sample(self, model: str, name: str) -> Path | None:
        """Return a picture that lies with a model's highest version; None where there is none."""
        entries = [entry for entry in self._snapshot() if entry.name == model]
        samples = entries[-1].samples if entries else ()
        return next((path for path in samples if path.name == name), None)

    @property
    def trouble(self) -> str | None:
        """Why the folder was not as it should be at the last look; None where it was."""
        return self._trouble

    def _note(self, trouble: str | None) -> None:
        """Log why the folder is not as it should be; once, for as long as that is the same."""
        if trouble and trouble != self._trouble:
            log.event("repository_unreadable", "ERROR", error=trouble)
        self._trouble = trouble

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The models, as far as they have come."""
        return self._snapshot()

    def _replace(self, entry: Entry, by: Entry) -> None:
        with self._lock:
            entries = tuple(by if one is entry else one for one in self._entries)
            # With what has become ready requests may be split as they are to be.
            self._entries = with_parts(entries, self._parts)

    def _snapshot(self) -> tuple[Entry, ...]:
        with self._lock:
            return self._entries


def _sorted(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    return tuple(sorted(entries, key=lambda one: order(one.found)))


def _is(entry: Entry, key: tuple[str, int], stamp: Stamp) -> bool:
    return (entry.name, entry.version) == key and entry.stamp == stamp
