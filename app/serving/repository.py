"""The models of one folder: found, examined, loaded, warmed and proven, each on its own.

One that fails any of these never serves, and never keeps the others from serving. Requests may
ask at any time, also while models load.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from app import log
from app.ids import new_id
from app.kinds.kind import Kind, LoadedModel, ModelError, ModelSource
from app.kinds.options import max_batch_of
from app.serving.arrivals import entry_of, kind_of, samples_of, stamp_of
from app.serving.client import ModelStatus
from app.serving.contents import check_digest, check_size, no_content, sha256_of, size_of
from app.serving.cores import available_cores
from app.serving.entries import (
    FAILED,
    READY,
    UNLOADED,
    Entry,
    Stamp,
    choose,
    default_entry,
    named,
    readiness,
)
from app.serving.errors import LoadFailed, ModelNotFound, ServingError
from app.serving.goldens import GoldenError, check_goldens, reproduce_goldens
from app.serving.layout import MODELS_TEXT, Find, Found, find_models, order
from app.serving.model_options import check_options, read_labels
from app.serving.telling import log_outcome, log_vacancy
from app.serving.vacancy import BEING_BROUGHT
from app.settings import Settings

_UNREADABLE = "the model repository cannot be read"
_NO_MODEL = f"there is no model ({MODELS_TEXT}) in the model repository"


class ModelRepository:
    """The models that `find` finds in the settings' folder, by the kinds given.

    Where the folder is a mirror, `find` has to be called once it is there. Safe to share between
    threads.
    """

    def __init__(
        self,
        settings: Settings,
        kinds: Sequence[Kind],
        find: Find = find_models,
        *,
        is_mirrored: bool = False,
    ) -> None:
        self._settings = settings
        self._folder = settings.model_repository
        self._default_model = settings.default_model
        self._kinds = kinds
        self._find = find
        self._lock = threading.Lock()
        self._error: str | None = None
        self._trouble: str | None = None
        # What was told to serve no more, until it is told to load.
        self._unloaded: set[str] = set()
        self._entries: tuple[Entry, ...] = ()
        self._seen: dict[tuple[str, int], Stamp] = {}
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
                self._replace(entry, self._loaded_entry(entry))

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
        retired = self._load_all(settled, stamps, partial(self._let_go, stamps, names))
        self._refresh(wanted)
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
        # One that kept the server from being ready goes on to, until it serves.
        is_update = all(one.is_update or one.state == UNLOADED for one in again)
        let_go = partial(self._let_go, stamps, {name}, of=name)
        retired = self._load_all(wanted, stamps, let_go, is_update=is_update)
        self._refresh(wanted)
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
        others = [entry for entry in self._snapshot() if entry.name == found.name]
        is_update = is_update or any(entry.state == READY for entry in others)
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
            self._replace(entry, self._loaded_entry(entry))

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
        can_go = {one.name for one in wanted if one.state == READY}
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
            self._replace(entry, self._outcome(entry, self._examined))

    def resolve(self, name: str | None, version: int | str | None) -> tuple[Entry, LoadedModel]:
        """Return the ready model that a request means; raises ServingError."""
        entry = choose(self._snapshot(), name, version, self._default_model)
        if entry.model is None:
            raise AssertionError(f"{entry.title} is ready without a model")
        return entry, entry.model

    def statuses(self) -> list[ModelStatus]:
        """Return every model's state, sorted by name."""
        entries = self._snapshot()
        try:
            default: Entry | None = default_entry(entries, self._default_model)
        except ServingError:
            default = None
        return [entry.status(is_default=entry is default) for entry in entries]

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

    def _loaded_entry(self, entry: Entry) -> Entry:
        """Return the entry once it is loaded, or has failed; the log knows of it."""
        started_at = time.monotonic()
        loaded = self._outcome(entry, self._loaded)
        loaded = replace(loaded, loaded_s=round(time.monotonic() - started_at, 3))
        # Whoever sees that it is ready finds the line in the log.
        log_outcome(loaded)
        return loaded

    def _replace(self, entry: Entry, by: Entry) -> None:
        with self._lock:
            self._entries = tuple(by if one is entry else one for one in self._entries)

    def _snapshot(self) -> tuple[Entry, ...]:
        with self._lock:
            return self._entries

    def _outcome(self, entry: Entry, step: Callable[[Entry, Path], Entry]) -> Entry:
        """Return the entry after a step, or failed with one clear error."""
        if entry.state == FAILED or entry.found.path is None:
            return entry
        try:
            return step(entry, entry.found.path)
        except GoldenError as error:
            return replace(entry, state=FAILED, error=str(error), has_failed_golden=True)
        except ModelError as error:
            return replace(entry, state=FAILED, error=str(error))
        except Exception as error:
            # A framework's own surprise: this model fails, the others go on.
            log.event("model_surprise", "ERROR", model=entry.name, exception=True)
            return replace(entry, state=FAILED, error=f"{type(error).__name__}: {error}")

    def _examined(self, entry: Entry, path: Path) -> Entry:
        kind, source = self._source(entry, path)
        facts = {**entry.description, "bytes": size_of(path), **kind.examine(source)}
        return replace(entry, kind=kind.name, description=facts)

    def _source(self, entry: Entry, path: Path) -> tuple[Kind, ModelSource]:
        """Return a model's kind and what it is loaded from, its goldens looked at.

        Raises ModelError.
        """
        try:
            problem = no_content(path)
        except OSError as error:
            raise ModelError(f"{path.name}: cannot be read: {error.strerror}") from error
        if problem:
            raise ModelError(problem)
        found = entry.found
        check_size(path, entry.options)
        kind = kind_of(self._kinds, path, entry.options)
        check_options(found.options_path, entry.options, kind.options)
        listed = entry.options.get("labels")
        source = ModelSource(
            name=found.name,
            version=found.version,
            path=path,
            folder=found.folder,
            options=entry.options,
            labels=tuple(listed) if listed else read_labels(found.labels_path),
            threads=self._settings.inference_threads or available_cores(),
            max_molded_pixels=self._settings.max_molded_pixels,
        )
        check_goldens(kind.face_of(source.options), source)
        return kind, source

    def _loaded(self, entry: Entry, path: Path) -> Entry:
        kind, source = self._source(entry, path)
        digest = sha256_of(path)
        check_digest(path, digest, entry.options)
        model = kind.load(source)
        model.warm_up()
        face = kind.face_of(source.options)
        description = {
            **entry.description,
            "bytes": size_of(path),
            **model.describe(),
            **model.facts,
            "sha256": digest,
            "goldens": reproduce_goldens(face, model, source),
        }
        return replace(
            entry,
            state=READY,
            kind=kind.name,
            face=face.name,
            loaded=new_id(),
            model=model,
            max_batch=max_batch_of(entry.options, kind.options),
            description=description,
        )


def _sorted(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    return tuple(sorted(entries, key=lambda one: order(one.found)))


def _is(entry: Entry, key: tuple[str, int], stamp: Stamp) -> bool:
    return (entry.name, entry.version) == key and entry.stamp == stamp
