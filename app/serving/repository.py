"""The models of one folder: found, loaded, warmed and proven, each on its own.

One that fails any of these never serves, and never keeps the others from serving. Requests may
ask at any time, also while models load.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from app import log
from app.kinds.kind import Kind, LoadedModel, ModelError, ModelSource
from app.serving.client import ModelStatus
from app.serving.entries import FAILED, READY, Entry, choose, default_entry, readiness
from app.serving.errors import ServingError
from app.serving.goldens import GoldenError, reproduce_goldens
from app.serving.layout import MODEL_SUFFIXES, Found, find_models
from app.serving.model_options import read_labels, read_options


class ModelRepository:
    """The models in `folder`, by the kinds given. Safe to share between threads."""

    def __init__(
        self,
        folder: Path,
        kinds: Sequence[Kind],
        *,
        default_model: str | None = None,
        threads: int = 0,
        max_molded_pixels: int = 4_194_304,
    ) -> None:
        self._folder = folder
        self._kinds = kinds
        self._default_model = default_model
        self._threads = threads
        self._max_molded_pixels = max_molded_pixels
        self._lock = threading.Lock()
        self._error: str | None = None
        self._entries: tuple[Entry, ...] = ()
        try:
            self._entries = tuple(_entry(found) for found in find_models(folder))
            if not self._entries:
                suffixes = " or ".join(f"*{suffix}" for suffix in MODEL_SUFFIXES)
                self._error = f"there is no model ({suffixes}) in the model repository"
        except OSError as error:
            self._error = f"the model repository cannot be read: {error.strerror}"

    def load(self) -> None:
        """Load every model, one after the other, and log how each came out."""
        if self._error:
            # Only the log tells the folder: what the error says is seen over HTTP.
            log.event(
                "repository_unusable",
                "ERROR",
                error=self._error,
                MODEL_REPOSITORY=str(self._folder),
            )
        for index, entry in enumerate(self._entries):
            started_at = time.monotonic()
            loaded = self._load(entry)
            loaded = replace(loaded, loaded_s=round(time.monotonic() - started_at, 3))
            with self._lock:
                entries = list(self._entries)
                entries[index] = loaded
                self._entries = tuple(entries)
            _log_outcome(loaded)

    def resolve(self, name: str | None, version: int | None) -> tuple[Entry, LoadedModel]:
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
        return readiness(self._snapshot(), self._default_model)

    def _snapshot(self) -> tuple[Entry, ...]:
        with self._lock:
            return self._entries

    def _load(self, entry: Entry) -> Entry:
        """Return the entry ready, or failed with one clear error."""
        if entry.state == FAILED or entry.found.path is None:
            return entry
        try:
            return self._loaded(entry, entry.found.path)
        except GoldenError as error:
            return replace(entry, state=FAILED, error=str(error), has_failed_golden=True)
        except ModelError as error:
            return replace(entry, state=FAILED, error=str(error))
        except Exception as error:
            # A framework's own surprise: this model fails, the others go on.
            log.event("model_surprise", "ERROR", model=entry.name, exception=True)
            return replace(entry, state=FAILED, error=f"{type(error).__name__}: {error}")

    def _loaded(self, entry: Entry, path: Path) -> Entry:
        found = entry.found
        kind = self._kind_of(path, entry.options)
        listed = entry.options.get("labels")
        source = ModelSource(
            name=found.name,
            version=found.version,
            path=path,
            folder=found.folder,
            options=entry.options,
            labels=tuple(listed) if listed else read_labels(found.labels_path),
            threads=self._threads,
            max_molded_pixels=self._max_molded_pixels,
        )
        model = kind.load(source)
        model.warm_up()
        description = {
            **model.describe(),
            "labels": list(model.labels),
            "file": path.name,
            "bytes": path.stat().st_size,
            "sha256": _sha256(path),
            "goldens": reproduce_goldens(model, source),
        }
        return replace(entry, state=READY, kind=model.kind, model=model, description=description)

    def _kind_of(self, path: Path, options: Any) -> Kind:
        """Return the kind that `model.yaml` names, or that recognises the file."""
        wanted = options.get("kind")
        for kind in self._kinds:
            if kind.name == wanted or (wanted is None and kind.recognises(path)):
                return kind
        if wanted is not None:
            names = ", ".join(kind.name for kind in self._kinds)
            raise ModelError(f"kind is {wanted!r}; it must be one of {names}")
        refusals = "; ".join(f"{kind.name}: {kind.refusal(path)}" for kind in self._kinds)
        raise ModelError(f"no kind of model recognises the file ({refusals})")


def _entry(found: Found) -> Entry:
    """Return a new entry, its options read: a fallback steps aside before it is loaded."""
    if found.error is not None:
        return Entry(found, FAILED, error=found.error)
    try:
        return Entry(found, options=read_options(found.options_path))
    except ModelError as error:
        return Entry(found, FAILED, error=str(error))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
