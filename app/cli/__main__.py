"""Lets `python -m app.cli` stand for `slipway` where the command is not installed."""

import sys

from app.cli import main

sys.exit(main())
