"""Takes a version from found to ready: examined, loaded, warmed and proven, or failed.

One that fails does so with one clear error, whatever it was: the others go on.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from app import log
from app.ids import new_id
from app.kinds.kind import Bounded, Kind, LoadedModel, ModelError, ModelSource, Quantizable
from app.kinds.options import max_batch_of
from app.serving.arrivals import kind_of
from app.serving.contents import no_content, sha256_of, size_of
from app.serving.cores import available_cores
from app.serving.entries import FAILED, READY, Entry
from app.serving.goldens import GoldenError, check_goldens, reproduce_goldens
from app.serving.model_options import check_options, read_labels
from app.serving.settings import ServingSettings
from app.serving.signatures import signatures_of
from app.serving.telling import log_outcome


class Preparation:
    """What is done with an entry before it serves, by the kinds given."""

    def __init__(self, settings: ServingSettings, kinds: Sequence[Kind]) -> None:
        self._settings, self._kinds = settings, kinds

    def examined(self, entry: Entry) -> Entry:
        """Return the entry with what is known of it without a framework; it is not loaded."""
        return _outcome(entry, self._examined)

    def loaded(self, entry: Entry) -> Entry:
        """Return the entry once it is loaded, or has failed; the log knows of it."""
        started_at = time.monotonic()
        loaded = _outcome(entry, self._loaded)
        loaded = replace(loaded, loaded_s=round(time.monotonic() - started_at, 3))
        # Whoever sees that it is ready finds the line in the log.
        log_outcome(loaded)
        return loaded

    def _examined(self, entry: Entry, path: Path) -> Entry:
        kind, source = self.source(entry, path)
        facts = {**entry.description, "bytes": size_of(path), **kind.examine(source)}
        return replace(entry, kind=kind.name, description=facts)

    def source(self, entry: Entry, path: Path) -> tuple[Kind, ModelSource]:
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
        kind, source = self.source(entry, path)
        digest = sha256_of(path)
        _check_digest(path, digest, entry.options)
        model, goldens = _proven(kind, source)
        face = kind.face_of(source.options)
        description = {
            **entry.description,
            "bytes": size_of(path),
            **model.describe(),
            **model.facts,
            "sha256": digest,
            "goldens": goldens,
        }
        return replace(
            entry,
            state=READY,
            kind=kind.name,
            face=face.name,
            loaded=new_id(),
            model=model,
            signatures=signatures_of(model),
            max_batch=_most_together(model, max_batch_of(entry.options, kind.options)),
            description=description,
        )


def _most_together(model: LoadedModel, allowed: int) -> int:
    """Return how many predictions share a pass: what its options allow, and what it gains by."""
    return min(allowed, model.most_together) if isinstance(model, Bounded) else allowed


def _proven(kind: Kind, source: ModelSource) -> tuple[LoadedModel, int]:
    """Load a model; return it with how many goldens it gives. Raises ModelError, or GoldenError.

    One that runs in another form than its file's unasked, and does not give them, runs in its own.
    """
    model = kind.load(source)
    model.warm_up()
    face = kind.face_of(source.options)
    try:
        return model, reproduce_goldens(face, model, source)
    except GoldenError as error:
        if not isinstance(kind, Quantizable):
            raise
        facts, reason = model.facts, str(error)
        # Networks hold on to themselves in circles: the next one may need the memory.
        del model
        gc.collect()
        original = kind.load_original(source, facts, reason)
        if original is None:
            raise
    original.warm_up()
    return original, reproduce_goldens(face, original, source)


def _outcome(entry: Entry, step: Callable[[Entry, Path], Entry]) -> Entry:
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
