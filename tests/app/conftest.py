"""What several rooms' tests look at."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from app import log


@pytest.fixture
def log_stream() -> Iterator[io.StringIO]:
    """Return what the log writes to; the loggers are put back afterwards."""
    root, own = logging.getLogger(), logging.getLogger("slipway")
    handlers, levels = root.handlers[:], (root.level, own.level)
    stream = io.StringIO()
    log.configure("info", stream)
    yield stream
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    own.setLevel(levels[1])
