"""`slipway models`: what the model repository holds, without loading it.

All that the load would refuse and that can be seen without a framework is told, by the load's own
code.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from app.cli.folder import add_option, settings_with
from app.cli.terminal import CommandError, megabytes, printable, table
from app.kinds.registry import kinds
from app.serving.entries import Entry, default_entry
from app.serving.errors import ServingError
from app.serving.layout import Found, find_models, order
from app.serving.leftovers import find_left_out
from app.serving.repository import ModelRepository
from app.serving.vacancy import check_here, no_model


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "models",
        help="list what the model repository holds",
        description="Lists what the model repository holds, without loading it. Exit status 1: "
        "one of the models cannot be served.",
    )
    add_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the models, and which one answers a request that names none; 1 where one is broken."""
    settings = settings_with(arguments)
    folder = settings.serving.model_repository
    check_here(settings.serving)
    repository = ModelRepository(settings.serving, kinds(), _found)
    repository.examine()
    entries = repository.entries
    if not entries:
        raise CommandError(str(no_model(folder)))
    served = find_models(folder)
    try:
        default: Entry | None = default_entry(
            [entry for entry in entries if entry.found in served], settings.serving.default_model
        )
    except ServingError:
        default = None
    heads = ("", "model", "version", "kind", "backbone", "classes", "size", "file")
    rows = [_row(entry, is_default=entry is default) for entry in entries]
    print(table([heads, *rows], right="  >  >>"))
    if default is not None:
        print("\n* answers a request that names no model")
    return _tell_failures(entries)


def _found(repository: Path) -> list[Found]:
    """Return the versions that are served, and what was meant to be."""
    return sorted((*find_models(repository), *find_left_out(repository)), key=order)


def _tell_failures(entries: Sequence[Entry]) -> int:
    failed = [entry for entry in entries if entry.error]
    for entry in failed:
        print(f"\n{printable(f'{entry.title} cannot be served: {entry.error}')}")
    return 1 if failed else 0


def _row(entry: Entry, *, is_default: bool) -> tuple[str, ...]:
    facts = entry.description
    classes = facts.get("num_classes")
    if classes and "backbone" in facts:
        classes -= 1  # The network's own, the background among them.
    return (
        "*" if is_default else "",
        entry.name,
        str(entry.version or "-"),
        entry.kind or "-",
        facts.get("backbone", "-"),
        str(classes or "-"),
        megabytes(facts["bytes"]) if "bytes" in facts else "-",
        facts.get("file", "-"),
    )
