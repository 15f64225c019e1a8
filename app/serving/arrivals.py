"""What is known of a version before it is loaded: its kind, options, samples; when they change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.kinds.kind import Kind, ModelError
from app.serving import contents
from app.serving.contents import companions_of, name_of
from app.serving.entries import FAILED, Entry, Stamp
from app.serving.layout import Found
from app.serving.model_options import read_options

# Options that say nothing about how a model is run, and are shown as they are.
_TOLD = ("about",)


def stamp_of(found: Found) -> Stamp:
    """Return what changes when a version's files do, or what is wrong with its place."""
    paths = (found.path, found.options_path, found.labels_path, *companions_of(found.path))
    return (found.error, *(contents.stamp_of(path) for path in paths if path is not None))


def entry_of(found: Found) -> Entry:
    """Return a new entry, its options read: a fallback steps aside before it is loaded."""
    entry = Entry(found, stamp=stamp_of(found), samples=samples_of(found))
    if found.path is None:
        return replace(entry, state=FAILED, error=found.error)
    entry = replace(entry, description={"file": name_of(found.path)})
    try:
        options = read_options(found.options_path)
    except ModelError as error:
        return replace(entry, state=FAILED, error=str(error))
    told = {key: options[key] for key in _TOLD if key in options}
    return replace(entry, options=options, description={**entry.description, **told})


def samples_of(found: Found) -> tuple[Path, ...]:
    """Return the pictures beside a model; none where they cannot be read."""
    try:
        return tuple(found.samples())
    except OSError:
        return ()


def kind_of(kinds: Sequence[Kind], path: Path, options: Mapping[str, Any]) -> Kind:
    """Return the kind that `model.yaml` names, or that recognises the file.

    Raises ModelError.
    """
    wanted = options.get("kind")
    for kind in kinds:
        if kind.name == wanted or (wanted is None and kind.recognises(path)):
            return kind
    if wanted is not None:
        names = ", ".join(kind.name for kind in kinds)
        raise ModelError(f"kind is {wanted!r}; it must be one of {names}")
    refusals = ((kind.name, kind.refusal(path)) for kind in kinds)
    told = "; ".join(f"{name}: {refusal}" for name, refusal in refusals if refusal)
    raise ModelError(f"no kind of model recognises the file ({told or path.name})")
