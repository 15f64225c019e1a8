"""The forms in which rows of the prediction log are handed out: JSON lines, CSV, Parquet.

All have the same columns, `asking.FIELDS`, and are made a page of rows at a time. pyarrow, which
writes Parquet, is imported where it is asked for: the server does without.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.records.asking import FIELDS, Told
from app.records.errors import RecordsError

Pages = Iterable[list[Told]]

#: What brings what writes Parquet.
PYARROW = "./setup.sh records, or pip install pyarrow"
_PARQUET_TYPES = {
    "instance_index": "int64",
    "created_at": "timestamp[us, tz=UTC]",
    "predicted_class": "int64",
    "score": "float64",
    "class_probabilities": "list<float64>",
    "processing_time_ms": "float64",
    "brightness": "float64",
    "agrees": "bool",
}


@dataclass(frozen=True)
class Form:
    """A form: its media type, and what makes bytes of pages of rows, each piece when asked for."""

    media_type: str
    write: Callable[[Pages], Iterator[bytes]]


def has_parquet() -> bool:
    """Say whether Parquet can be written here."""
    return importlib.util.find_spec("pyarrow") is not None


def line(fields: Mapping[str, Any]) -> bytes:
    """Return a row as one line of JSON."""
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _lines(pages: Pages) -> Iterator[bytes]:
    for page in pages:
        yield b"".join(line(one.fields) for one in page)


def _csv(pages: Pages) -> Iterator[bytes]:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(FIELDS)
    for page in pages:
        writer.writerows([_cell(one.fields[name]) for name in FIELDS] for one in page)
        yield _taken(buffer)
    yield _taken(buffer)


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, separators=(",", ":")) if isinstance(value, list) else value


def _taken(buffer: io.StringIO) -> bytes:
    """Return what is in the buffer, and empty it."""
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode()


def _parquet(pages: Pages) -> Iterator[bytes]:
    if not has_parquet():
        raise RecordsError(f"Parquet is written by pyarrow, which is not installed: {PYARROW}")
    import pyarrow
    from pyarrow import parquet

    schema = pyarrow.schema([(name, _parquet_type(pyarrow, name)) for name in FIELDS])
    sink = _Sink()
    with parquet.ParquetWriter(pyarrow.PythonFile(sink, mode="w"), schema) as writer:
        for page in pages:
            columns = {name: [_value(name, one.fields[name]) for one in page] for name in FIELDS}
            writer.write_table(pyarrow.table(columns, schema=schema))
            yield sink.taken()
    yield sink.taken()


def _parquet_type(pyarrow: Any, name: str) -> Any:
    match _PARQUET_TYPES.get(name, "string"):
        case "timestamp[us, tz=UTC]":
            return pyarrow.timestamp("us", "UTC")
        case "list<float64>":
            return pyarrow.list_(pyarrow.float64())
        case told:
            return pyarrow.type_for_alias(told)


def _value(name: str, value: Any) -> Any:
    return datetime.fromisoformat(value) if name == "created_at" else value


class _Sink(io.RawIOBase):
    """Takes what is written, and hands it on."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        piece = bytes(data)
        self._pieces.append(piece)
        return len(piece)

    def taken(self) -> bytes:
        """Return what came since the last time."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


#: By their names.
FORMS = {
    "ndjson": Form("application/x-ndjson", _lines),
    "csv": Form("text/csv", _csv),
    "parquet": Form("application/vnd.apache.parquet", _parquet),
}
