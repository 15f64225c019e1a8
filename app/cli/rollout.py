"""`slipway rollout …`: hands everything on to `python -m rollout` in `cloud_function/`.

That is a program of its own with requirements of its own: nothing of it is imported here.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from app.cli.terminal import CommandError

_FOLDER = Path(__file__).resolve().parents[2] / "cloud_function"
# What only the function needs: where it is missing, so are the rest of its requirements.
_NEEDED = "kubernetes"


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "rollout",
        help="roll builds out on Kubernetes by hand: rollout --help",
        add_help=False,
        # No argument is an option here, whatever it begins with: they are the other program's.
        prefix_chars="\0",
    )
    parser.add_argument("words", nargs="*")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the other program, in place of this one's output, and return its exit status."""
    if not (_FOLDER / "rollout").is_dir():
        raise CommandError("`slipway rollout` needs the checkout: there is no cloud_function here")
    if importlib.util.find_spec(_NEEDED) is None:
        raise CommandError(
            f"`slipway rollout` needs {_NEEDED}: pip install -r cloud_function/requirements.txt"
        )
    sys.stdout.flush()
    command = [sys.executable, "-m", "rollout", *arguments.words]
    return subprocess.run(command, env=os.environ | {"PYTHONPATH": str(_FOLDER)}).returncode
