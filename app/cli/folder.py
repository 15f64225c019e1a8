"""The option `--models FOLDER` of each command that reads the model repository."""

from __future__ import annotations

import argparse
import os

from app.settings import Settings


def add_option(parser: argparse.ArgumentParser) -> None:
    """Add the option to a command."""
    parser.add_argument(
        "--models", metavar="FOLDER", help="instead of $MODEL_REPOSITORY, by default models"
    )


def environment_with(arguments: argparse.Namespace) -> dict[str, str]:
    """Return a copy of the environment in which the option stands, where it was given."""
    environment = dict(os.environ)
    if arguments.models is not None:
        environment["MODEL_REPOSITORY"] = arguments.models
    return environment


def settings_with(arguments: argparse.Namespace) -> Settings:
    """Return the settings of a command; raises SettingsError."""
    return Settings.from_environment(environment_with(arguments))
