"""`slipway serve` with the thresholding kind in the inference process: a script for tests.

Everything else is what ships: the command, nginx, uWSGI and what they are told.
"""

from __future__ import annotations

import functools
import sys
from pathlib import Path

from app.cli import main, serve

HOST = Path(__file__).parents[1] / "serving" / "thresholding.py"
SUPERVISOR = "-m app.serving.supervisor"

if __name__ == "__main__":
    serve.Server = functools.partial(  # type: ignore[misc]
        serve.Server,
        inference=(sys.executable, str(HOST)),
    )
    sys.exit(main(["serve", *sys.argv[1:]]))
