"""The models of one folder: found, examined, loaded, warmed and proven, each on its own.

One that fails any of these never serves, and never keeps the others from serving. Requests may
ask at any time, also while models load.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from app import log
from app.ids import new_id
from app.kinds.kind import Kind, ModelError, ModelSource
from app.kinds.options import max_batch_of
from app.serving.client import Ask, ModelStatus
from app.serving.contents import name_of, no_content, sha256_of, size_of, stamp_of
from app.serving.cores import available_cores
from app.serving.entries import (
    FAILED,
    READY,
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
from app.serving.errors import ServingError
from app.serving.goldens import GoldenError, check_goldens, reproduce_goldens
from app.serving.layout import MODELS_TEXT, Find, Found, find_models, order
from app.serving.model_options import check_options, read_labels, read_options
from app.serving.settings import ServingSettings
from app.serving.signatures import signatures_of
from app.serving.split import Part
from app.serving.vacancy import no_model

# Options that say nothing about how a model is run, and are shown as they are.
_TOLD = ("about",)
_NO_MODEL = f"there is no model ({MODELS_TEXT}) in the model repository"


class ModelRepository:
    """The models that `find` finds in the settings' folder, by the kinds given.

    Safe to share between threads.
    """

    def __init__(
        self, settings: ServingSettings, kinds: Sequence[Kind], find: Find = find_models
    ) -> None:
        self._settings = settings
        self._folder = settings.model_repository
        self._default_model = settings.default_model
        self._kinds = kinds
        self._find = find
        self._lock = threading.Lock()
        self._error: str | None = None
        self._entries: tuple[Entry, ...] = ()
        try:
            self._entries = tuple(map(_entry, find(self._folder)))
            self._error = None if self._entries else _NO_MODEL
        except OSError as error:
            self._error = f"the model repository cannot be read: {error.strerror}"
        self._seen = {(entry.name, entry.version): entry.stamp for entry in self._entries}
        # Of each version what it is to do for requests that name none.
        self._parts: Mapping[tuple[str, int], Part] = {}
        self._told_shares: dict[str, dict[str, Any]] = {}

    def load(self) -> None:
        """Load every model, one after the other, and log how each came out."""
        if self._error:
            _log_vacancy(self._folder, self._error)
        for entry in self._entries:
            self._replace(entry, self._loaded_entry(entry))
        self._tell_shares()

    def reconcile(self) -> list[Entry]:
        """Load what has come to the folder since, and let go of what is no longer to be served.

        Returns what was ready and is not served any more. A version serves as long as the one that
        is to take its place is not ready. Files that still change are waited for. Called by one
        thread at a time.
        """
        try:
            found = self._find(self._folder)
        except OSError as error:
            log.event("repository_unreadable", "ERROR", error=error.strerror)
            return []
        wanted = {(one.name, one.version): one for one in found}
        stamps = {key: _stamp(one) for key, one in wanted.items()}
        before, self._seen = self._seen, stamps
        settled = sorted(key for key, stamp in stamps.items() if before.get(key) == stamp)
        # A folder may be missing for the moment in which another takes its place.
        names = {name for name, _ in (*before, *stamps)}
        self._take_parts({key: one.part for key, one in wanted.items()})
        retired = self._let_go(stamps, names)
        for key in settled:
            if not any(_is(entry, key, stamps[key]) for entry in self._snapshot()):
                self._load_beside(wanted[key], stamps[key])
                retired += self._let_go(stamps, names)
        self._rename(wanted)
        self._tell_shares()
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

    def _rename(self, wanted: Mapping[tuple[str, int], Found]) -> None:
        """Take up labels that have moved; nothing is loaded for that."""
        with self._lock:
            self._entries = tuple(
                replace(one, found=replace(one.found, version_labels=found.version_labels))
                if (found := wanted.get((one.name, one.version))) is not None
                and found.version_labels != one.found.version_labels
                else one
                for one in self._entries
            )

    def _load_beside(self, found: Found, stamp: Stamp) -> None:
        """Load a version while what there is of its model goes on serving."""
        others = [entry for entry in self._snapshot() if entry.name == found.name]
        is_update = any(entry.state == READY for entry in others)
        entry = replace(_entry(found), stamp=stamp, is_update=is_update)
        # What failed before under this number is forgotten.
        again = [one for one in others if one.version == found.version and one.state != READY]
        with self._lock:
            kept = (one for one in self._entries if one not in again)
            self._entries = tuple(sorted((*kept, entry), key=lambda one: order(one.found)))
            self._error = None
        self._replace(entry, self._loaded_entry(entry))

    def _let_go(
        self, stamps: Mapping[tuple[str, int], Stamp], names: Collection[str]
    ) -> list[Entry]:
        """Drop what is not wanted, or has been loaded anew; return what of that was ready.

        `names` are those of the models that are there.
        """
        entries = self._snapshot()
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
            self._replace(entry, self._outcome(entry, self._examined))

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
        _log_outcome(loaded)
        return loaded

    def _replace(self, entry: Entry, by: Entry) -> None:
        with self._lock:
            entries = tuple(by if one is entry else one for one in self._entries)
            # With what has become ready requests may be split as they are to be.
            self._entries = with_parts(entries, self._parts)

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
        _check_size(path, entry.options)
        kind = self._kind_of(path, entry.options)
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
        _check_digest(path, digest, entry.options)
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
            signatures=signatures_of(model),
            max_batch=max_batch_of(entry.options, kind.options),
            description=description,
        )

    def _kind_of(self, path: Path, options: Any) -> Kind:
        """Return the kind that `model.yaml` names, or that recognises the file."""
        wanted = options.get("kind")
        for kind in self._kinds:
            if kind.name == wanted or (wanted is None and kind.recognises(path)):
                return kind
        if wanted is not None:
            names = ", ".join(kind.name for kind in self._kinds)
            raise ModelError(f"kind is {wanted!r}; it must be one of {names}")
        refusals = ((kind.name, kind.refusal(path)) for kind in self._kinds)
        told = "; ".join(f"{name}: {refusal}" for name, refusal in refusals if refusal)
        raise ModelError(f"no kind of model recognises the file ({told or path.name})")


def _is(entry: Entry, key: tuple[str, int], stamp: Stamp) -> bool:
    return (entry.name, entry.version) == key and entry.stamp == stamp


def _stamp(found: Found) -> Stamp:
    """Return what changes when a version's files do, or what is wrong with its place."""
    paths = (found.path, found.options_path, found.labels_path)
    return (found.error, *(stamp_of(path) for path in paths if path is not None))


def _entry(found: Found) -> Entry:
    """Return a new entry, its options read: a fallback steps aside before it is loaded."""
    stamp = _stamp(found)
    if found.path is None:
        return Entry(found, FAILED, error=found.error, stamp=stamp)
    description = {"file": name_of(found.path)}
    try:
        options = read_options(found.options_path)
        told = {key: options[key] for key in _TOLD if key in options}
        return Entry(found, options=options, description=description | told, stamp=stamp)
    except ModelError as error:
        return Entry(found, FAILED, description=description, error=str(error), stamp=stamp)


def _check_size(path: Path, options: Mapping[str, Any]) -> None:
    """Raise ModelError for a file that is not of the size that its reference says."""
    if "source" not in options:
        return
    size_bytes, expected = size_of(path), options["source"]["bytes"]
    if size_bytes != expected:
        told = f"has {size_bytes:,} bytes, and its source {expected:,}"
        raise ModelError(f"{path.name} {told}; slipway fetch brings that one")


def _check_digest(path: Path, digest: str, options: Mapping[str, Any]) -> None:
    """Raise ModelError for a file that is another than its reference says."""
    if "source" in options and digest != (expected := options["source"]["sha256"]):
        told = f"has sha256 {digest}, and its source {expected}"
        raise ModelError(f"{path.name} {told}; slipway fetch brings that one")


def _log_vacancy(folder: Path, error: str) -> None:
    """Log why nothing is served. Only the log tells the folder and what lies in it."""
    why = None
    with contextlib.suppress(OSError):
        why = no_model(folder)
    log.event("repository_unusable", "ERROR", error=error, why=why, MODEL_REPOSITORY=str(folder))


def _log_outcome(entry: Entry) -> None:
    common: dict[str, Any] = {
        "model": entry.name,
        "version": entry.version,
        "seconds": entry.loaded_s,
    }
    if entry.state == READY:
        facts: dict[str, Any] = {
            key: value
            for key, value in entry.description.items()
            if isinstance(value, str | int | float)
        }
        log.event("model_ready", **common, kind=entry.kind, **facts)
    else:
        log.event("model_failed", "ERROR", **common, error=entry.error)
