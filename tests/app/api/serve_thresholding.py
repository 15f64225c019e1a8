"""`slipway serve` with the thresholding kind in the inference process: a script for tests.

Everything else is what ships: the command, uWSGI, `uwsgi.ini` but for the supervised command.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from app.cli import main, serve

HOST = Path(__file__).parents[1] / "serving" / "thresholding.py"
SUPERVISOR = "-m app.serving.supervisor"


def configure(folder: Path) -> Path:
    """Write a `uwsgi.ini` that differs in the supervised command alone."""
    text = serve.UWSGI_INI.read_text()
    assert text.count(SUPERVISOR) == 1
    text = text.replace(SUPERVISOR, f'{SUPERVISOR} "{sys.executable}" "{HOST}"')
    path = folder / "uwsgi.ini"
    path.write_text(text.replace("pythonpath = %d", f"pythonpath = {serve.ROOT}"))
    return path


if __name__ == "__main__":
    serve.UWSGI_INI = configure(Path(tempfile.mkdtemp(prefix="slipway-test-")))
    sys.exit(main(["serve", *sys.argv[1:]]))
