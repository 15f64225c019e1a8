"""`slipway serve` for tests, with queues that a few hundred clients fill."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from app.cli import main, serve
from tests.app.api.serve_thresholding import configure

if __name__ == "__main__":
    serve.WANTED_INNER_BACKLOG, serve.MOST_WAITING = map(int, sys.argv[1:])
    serve.UWSGI_INI = configure(Path(tempfile.mkdtemp(prefix="slipway-test-")))
    sys.exit(main(["serve"]))
