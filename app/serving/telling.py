"""What the log says of a repository: why nothing is served, and how each model came out."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from app import log
from app.serving.entries import READY, Entry
from app.serving.vacancy import no_model


def log_vacancy(folder: Path, error: str, bucket: str | None = None) -> None:
    """Log why nothing is served. Only the log tells the folder and what lies in it."""
    why = None
    if bucket is not None:
        log.event("repository_unusable", "ERROR", error=error, MODEL_REPOSITORY=bucket)
        return
    with contextlib.suppress(OSError):
        why = no_model(folder)
    log.event("repository_unusable", "ERROR", error=error, why=why, MODEL_REPOSITORY=str(folder))


def log_outcome(entry: Entry) -> None:
    """Log that a model serves, and what it is; or why it does not."""
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
