"""The file beside a model that says what its predictions were like: columns, and no ids."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from app.records.database import moment
from app.records.drift.window import CLASS, Span, Window
from app.records.errors import RecordsError

_FORMAT = 1


def write(window: Window, path: Path) -> None:
    """Put a window in a file, whole or not at all; raises RecordsError."""
    span = window.span
    document = {
        "format": _FORMAT,
        "model": span.model,
        "version": span.version,
        "since": moment(span.since),
        "until": moment(span.until),
        "span": [span.since, span.until],
        "predictions": window.predictions,
        "of": window.of,
        "columns": {
            name: [one if isinstance(one, str) else float(f"{one:.6g}") for one in values]
            for name, values in window.columns.items()
        },
    }
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(json.dumps(document, allow_nan=False, separators=(",", ":")) + "\n")
        os.replace(part, path)
    except OSError as error:
        raise RecordsError(f"{path}: {error.strerror}") from error


def read(path: Path) -> Window:
    """Return the window of a file; raises RecordsError."""
    try:
        return _window(json.loads(path.read_bytes()))
    except OSError as error:
        raise RecordsError(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RecordsError(f"{path} is no reference, such as `slipway reference` writes") from error


def _window(document: Any) -> Window:
    if document["format"] != _FORMAT:
        raise ValueError
    since, until = map(int, document["span"])
    columns = {
        str(name): [str(one) if name == CLASS else float(one) for one in values]
        for name, values in document["columns"].items()
    }
    span = Span(str(document["model"]), str(document["version"]), since, until)
    return Window(span, int(document["predictions"]), int(document["of"]), columns)
