"""`slipway models`: what the model repository holds. Only names and shapes are read."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.cli.terminal import CommandError, megabytes, table
from app.kinds.kind import ModelError
from app.kinds.mask_rcnn import MaskRcnn, labels_for
from app.kinds.registry import KINDS
from app.serving.entries import FAILED, Entry, default_entry
from app.serving.errors import ServingError
from app.serving.layout import Found, find_models
from app.serving.model_options import read_labels, read_options
from app.settings import Settings
from mrcnn.architecture import Architecture
from mrcnn.weights import WeightFile, WeightFileError


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("models", help="list what the model repository holds")
    parser.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Print the models, and which one answers a request that names none."""
    settings = Settings.from_environment()
    folder = settings.model_repository
    try:
        found = find_models(folder)
    except OSError as error:
        raise CommandError(f"MODEL_REPOSITORY={folder}: {error.strerror}") from error
    if not found:
        raise CommandError(f"MODEL_REPOSITORY={folder}: there is no model in it")
    models = [_look_at(place) for place in found]
    entries = [model.entry for model in models]
    try:
        default: Entry | None = default_entry(entries, settings.default_model)
    except ServingError:
        default = None
    heads = ("", "model", "version", "kind", "backbone", "classes", "size", "file")
    rows = [_row(model, is_default=model.entry is default) for model in models]
    print(table([heads, *rows], right="  >  >>"))
    if default is not None:
        print("\n* answers a request that names no model")
    failed = [entry for entry in entries if entry.error]
    for entry in failed:
        print(f"\n{entry.title} cannot be served: {entry.error}")
    return 1 if len(failed) == len(entries) else 0


@dataclass(frozen=True)
class _Model:
    """One model as far as it can be known without loading it."""

    entry: Entry
    architecture: Architecture | None = None


def _look_at(found: Found) -> _Model:
    if found.path is None:
        return _Model(Entry(found, FAILED, error=found.error))
    options: dict[str, Any] = {}
    try:
        options = read_options(found.options_path)
        kind = _kind_of(found.path, options)
        architecture = WeightFile.open(found.path).architecture if kind == MaskRcnn.name else None
        if architecture is not None:
            given = options.get("labels") or read_labels(found.labels_path)
            labels_for(architecture.num_classes, given)
    except (ModelError, WeightFileError, OSError) as error:
        return _Model(Entry(found, FAILED, options, error=str(error)))
    return _Model(Entry(found, options=options, kind=kind), architecture)


def _kind_of(path: Path, options: Mapping[str, Any]) -> str:
    """Return the kind that `model.yaml` names, or that recognises the file; raises ModelError."""
    wanted = options.get("kind")
    for kind in KINDS:
        if kind.name == wanted or (wanted is None and kind.recognises(path)):
            return kind.name
    if wanted is not None:
        names = ", ".join(kind.name for kind in KINDS)
        raise ModelError(f"model.yaml: kind is {wanted!r}; it must be one of {names}")
    raise ModelError("; ".join(kind.refusal(path) for kind in KINDS))


def _row(model: _Model, *, is_default: bool) -> tuple[str, ...]:
    entry, network, path = model.entry, model.architecture, model.entry.found.path
    return (
        "*" if is_default else "",
        entry.name,
        str(entry.version or "-"),
        entry.kind or "-",
        network.backbone if network else "-",
        str(network.num_classes - 1) if network else "-",
        megabytes(path.stat().st_size) if path else "-",
        path.name if path else "-",
    )
