"""What a version of the model repository is loaded from, for commands that give it to its kind."""

from __future__ import annotations

from app.kinds.kind import Kind, ModelError, ModelSource
from app.serving.layout import Found
from app.settings import Settings


def source_of(settings: Settings, found: Found) -> tuple[Kind, ModelSource]:
    """Return a version's kind and what it is loaded from; raises ModelError."""
    # Here: they bring HDF5, which a help text does without.
    from app.kinds.registry import kinds
    from app.serving.arrivals import entry_of
    from app.serving.preparation import Preparation

    entry = entry_of(found)
    if entry.error is not None or found.path is None:
        raise ModelError(entry.error or "there is no file")
    return Preparation(settings.serving, kinds()).source(entry, found.path)
