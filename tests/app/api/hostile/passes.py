"""Sends the whole corpus several times; prints the resident memory after each pass, in bytes.

Run as a script, so that nothing else lives in the process.
"""

from __future__ import annotations

import gc
import logging
import resource
import sys
import tempfile
from pathlib import Path

from tests.app.api.hostile.corpus import GROUPS
from tests.app.api.hostile.sending import served


def resident_bytes() -> int:
    """Return how much memory the process has now."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def main(passes: int) -> None:
    """Send everything so many times."""
    logging.getLogger("slipway").setLevel(logging.CRITICAL)
    inputs = [hostile for make in GROUPS.values() for hostile in make()]
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as app:
        for _ in range(passes):
            for hostile in inputs:
                hostile.send(app)
            print(resident_bytes(), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
