"""`slipway inspect FILE`: what a model file is, part by part. Loads no model."""

from __future__ import annotations

import argparse
from pathlib import Path

from app.cli.terminal import CommandError, megabytes, table
from app.kinds.kind import Inspection, ModelError
from app.kinds.registry import kinds
from app.serving.strays import no_content


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("inspect", help="tell what a weight file is, layer by layer")
    parser.add_argument("file", metavar="FILE.h5", type=Path)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what the file is."""
    try:
        if arguments.file.is_file() and (problem := no_content(arguments.file)):
            raise CommandError(problem)
        found = _inspected(arguments.file)
        size_bytes = arguments.file.stat().st_size
    except ModelError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"{arguments.file}: cannot be read: {error.strerror}") from error
    print(f"{arguments.file}, {megabytes(size_bytes)}: {found.title}\n")
    print(table(found.facts))
    if found.parts:
        print()
        print(table(found.parts, right=found.right))
    return 0


def _inspected(path: Path) -> Inspection:
    """Ask the kind that recognises the file; raises ModelError, with every kind's reason."""
    for kind in kinds():
        if kind.recognises(path):
            return kind.inspect(path)
    # Of one kind alone the error says more than that it does not recognise the file.
    if len(kinds()) == 1:
        return kinds()[0].inspect(path)
    raise ModelError("; ".join(f"{kind.name}: {kind.refusal(path)}" for kind in kinds()))
