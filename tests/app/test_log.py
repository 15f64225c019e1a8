"""The log: one JSON line an event."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from datetime import datetime

import pytest

from app import log


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Return what the log writes to; the root logger is put back afterwards."""
    root, own = logging.getLogger(), logging.getLogger("slipway")
    before = root.handlers[:], root.level, own.level
    stream = io.StringIO()
    log.configure("info", stream)
    yield stream
    logging.captureWarnings(False)
    root.handlers[:], root.level = before[0], before[1]
    own.setLevel(before[2])


def test_an_event_is_one_json_line(stream: io.StringIO):
    log.event("model_ready", model="straße\n", seconds=1.5)
    (line,) = stream.getvalue().splitlines()
    event = json.loads(line)
    assert datetime.fromisoformat(event.pop("time")).tzinfo is not None
    assert event == {
        "severity": "INFO",
        "event": "model_ready",
        "model": "straße\n",
        "seconds": 1.5,
    }


def test_an_exception_comes_with_its_traceback(stream: io.StringIO):
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        log.event("failed", "ERROR", exception=True)
    event = json.loads(stream.getvalue())
    assert event["severity"] == "ERROR"
    assert "RuntimeError: broken" in event["traceback"]


def test_libraries_are_heard_from_warnings_on(stream: io.StringIO):
    logging.getLogger("some.library").info("chatter")
    logging.getLogger("some.library").warning("%s of %s", 1, 2)
    event = json.loads(stream.getvalue())
    assert (event["event"], event["logger"], event["message"]) == ("log", "some.library", "1 of 2")


def test_an_event_below_the_level_is_not_written(stream: io.StringIO):
    log.event("detail", "DEBUG")
    assert stream.getvalue() == ""
