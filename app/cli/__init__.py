"""The command `slipway`: serve, predict, models, inspect.

What goes wrong is told in one line on stderr. Exit statuses: 1 it did not work, 2 it was asked for
in a wrong way (arguments, settings).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from app.cli import inspection, models, predict, serve
from app.cli.terminal import CommandError
from app.settings import SettingsError

_DESCRIPTION = "Puts a trained model live behind HTTP. Settings come from the environment."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command in `arguments`, by default the process's own; return the exit status."""
    parser = argparse.ArgumentParser("slipway", description=_DESCRIPTION)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (serve, predict, models, inspection):
        command.add_parser(commands)
    parsed = parser.parse_args(arguments)
    try:
        status: int = parsed.run(parsed)
        sys.stdout.flush()
        return status
    except (CommandError, SettingsError) as error:
        print(f"slipway: {error}", file=sys.stderr)
        return 2 if isinstance(error, SettingsError) else error.status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # `slipway inspect … | head`: whoever read has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
