"""`slipway reference`: keeps what a version's predictions are like, beside it, for drift."""

from __future__ import annotations

import argparse
from pathlib import Path

from app.cli.terminal import CommandError, counted
from app.cli.window import add_least, add_options, asked_of
from app.records.drift import reference
from app.records.errors import RecordsError

# So many are enough for any threshold, and a file of them can be looked at.
_MOST = 5000


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "reference",
        help="keep what a model's predictions are like, for drift",
        description="Writes what a version's predictions were like to reference.json beside it: "
        f"the numbers of {_MOST} of them at most, and no ids. `slipway drift` compares with that.",
    )
    add_options(parser, since="30d")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="in place of reference.json beside the model"
    )
    add_least(parser, "a reference needs")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the file; 1 where there are too few predictions."""
    asked = asked_of(arguments)
    path = arguments.out or asked.reference
    bucket = asked.settings.serving.model_bucket
    if bucket is not None and arguments.out is None:
        raise CommandError(
            f"MODEL_REPOSITORY={bucket!r}: {path} mirrors it; write with --out FILE, and put the "
            f"file there as {path.relative_to(asked.settings.serving.model_repository)}"
        )
    window = asked.window(_MOST)
    if window.predictions < arguments.least:
        raise CommandError(
            f"there are {window.predictions} predictions of {window.span.model} "
            f"{window.span.version} in that time; a reference needs {arguments.least}"
        )
    try:
        reference.write(window, path)
    except RecordsError as error:
        raise CommandError(str(error)) from error
    told = counted(window.predictions, "prediction")
    share = f" of {window.of}" if window.of > window.predictions else ""
    print(f"{path}: {told}{share}, {path.stat().st_size / 1e3:.0f} kB")
    return 0
