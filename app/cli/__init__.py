"""The command `slipway`: serve, predict, models, check, … (`COMMANDS` has them all).

What goes wrong is told in one line on stderr. Exit statuses: 1 it did not work, 2 it was asked for
in a wrong way (arguments, settings).
"""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import sys
from collections.abc import Sequence

from app.cli.terminal import CommandError
from app.settings import SettingsError

#: In the order of the help: what each is lies in a module of its own.
COMMANDS = {
    "serve": "app.cli.serve",
    "predict": "app.cli.predict",
    "models": "app.cli.models",
    "check": "app.cli.check",
    "push-model": "app.cli.push_model",
    "fetch": "app.cli.fetch",
    "inspect": "app.cli.inspection",
    "quantize": "app.cli.quantize",
    "evaluate": "app.cli.evaluate",
    "export": "app.cli.export",
    "ready": "app.cli.ready",
    "predictions": "app.cli.predictions",
    "rollout": "app.cli.rollout",
    "reference": "app.cli.reference",
    "drift": "app.cli.drift",
}
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_DESCRIPTION = "Puts a trained model live behind HTTP. Settings come from the environment."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command in `arguments`, by default the process's own; return the exit status."""
    _open_what_is_closed()
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser("slipway", description=_DESCRIPTION)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    try:
        # Only what is asked for is imported: `serve` stays, and must not hold what others need.
        for name in given[:1] if given[:1] and given[0] in COMMANDS else COMMANDS:
            importlib.import_module(COMMANDS[name]).add_parser(commands)
        parsed = parser.parse_args(given)
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
        _write_no_more()
        return 1
    except OSError as error:
        if error.filename is not None or error.errno not in _NO_ROOM:
            raise
        _write_no_more()
        print(f"slipway: the output cannot be written: {error.strerror}", file=sys.stderr)
        return 1


def _open_what_is_closed() -> None:
    """Have a closed standard stream (`>&-`) lead nowhere, before a socket takes its number."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is not None:
            continue
        null = os.open(os.devnull, os.O_RDWR)
        if null != number:
            os.dup2(null, number)
            os.close(null)
        os.set_inheritable(number, True)
        setattr(sys, name, os.fdopen(number, mode, closefd=False))


def _write_no_more() -> None:
    """Have what is still to be written, at the interpreter's end too, go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
