"""Keeps TensorFlow's remarks about the processor, made while it is imported, out of stderr.

They come before its log level (set in `mrcnn/__init__.py`) has a say, so the only way is to hold
the stream itself back. Whatever else was written meanwhile is passed on.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator

_REMARK = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog"
    rb"|I0000 .* (port|cpu_feature_guard)\.cc:"
    rb"|To enable the following instructions: "
)
_STDERR = 2


def _name_temporary_folder() -> None:
    """Let TensorFlow be imported where nothing can be written: it asks for the name alone."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        tempfile.tempdir = "/tmp"


@contextlib.contextmanager
def importing_quietly() -> Iterator[None]:
    """Hold stderr back while TensorFlow is imported for the first time."""
    if "tensorflow" in sys.modules:
        yield
        return
    _name_temporary_folder()
    try:
        original = os.dup(_STDERR)
    except OSError:  # a process without a stderr
        yield
        return
    # In memory: there may be no place that can be written to.
    with os.fdopen(os.memfd_create("stderr"), "w+b") as held:
        sys.stderr.flush()
        os.dup2(held.fileno(), _STDERR)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(original, _STDERR)
            os.close(original)
            held.seek(0)
            for line in held:
                if not _REMARK.match(line):
                    os.write(_STDERR, line)
