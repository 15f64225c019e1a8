"""How commands name the model repository and what is in it: `--models`, MODEL, `--version`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from app.cli.terminal import CommandError
from app.serving.layout import Found, models_in
from app.settings import Settings


def add_option(parser: argparse.ArgumentParser) -> None:
    """Add the option to a command."""
    parser.add_argument(
        "--models", metavar="FOLDER", help="instead of $MODEL_REPOSITORY, by default models"
    )


def add_model(parser: argparse.ArgumentParser, without: str | None = None) -> None:
    """Add what names a version; `without` says what happens without a model, where it may be so."""
    told = "its name in the model repository"
    parser.add_argument(
        "model",
        metavar="MODEL",
        nargs=None if without is None else "?",
        help=told if without is None else f"{told}; {without}",
    )
    parser.add_argument("--version", type=int, help="of the model, by default the highest")


def environment_with(arguments: argparse.Namespace) -> dict[str, str]:
    """Return a copy of the environment in which the option stands, where it was given."""
    environment = dict(os.environ)
    if arguments.models is not None:
        environment["MODEL_REPOSITORY"] = arguments.models
    return environment


def settings_with(arguments: argparse.Namespace) -> Settings:
    """Return the settings of a command; raises SettingsError."""
    return Settings.from_environment(environment_with(arguments))


def version_in(folder: Path, name: str, version: int | None) -> Found:
    """Return a model's version, by default the highest; raises CommandError, or OSError."""
    there = {model.latest.name: model.versions for model in models_in(folder)}
    if name not in there:
        names = ", ".join(sorted(there)) or "none"
        raise CommandError(f"there is no model {name!r} in {folder}; there are: {names}")
    of_it = {found.version: found for found in there[name]}
    if version is not None and version not in of_it:
        versions = ", ".join(map(str, of_it))
        raise CommandError(f"{name} has no version {version} in {folder}; it has: {versions}")
    return of_it[max(of_it) if version is None else version]
