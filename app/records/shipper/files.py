"""Parquet files in a folder or a bucket, a folder a day: for those who have no BigQuery.

A file is named by the place in the log where it begins: sent again it takes its own place.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet

from app.records.shipper.sink import Batch, Pace, Sent, SinkError

_TYPES = {
    "STRING": pyarrow.string(),
    "INTEGER": pyarrow.int64(),
    "FLOAT": pyarrow.float64(),
    "BOOLEAN": pyarrow.bool_(),
    "TIMESTAMP": pyarrow.timestamp("us", tz="UTC"),
}
_MICROSECONDS = 1_000_000


class Files:
    """A folder of Parquet files.

    Args:
        place: a folder on this machine, or the address of one in a bucket.
        folder: of the table, in it.
        columns: of the rows that are sent.
    """

    name = "files"
    # A file a minute, or one for so many rows: readers open each.
    pace = Pace(rows=10_000, bytes=16_000_000, wait_s=60.0)

    def __init__(
        self, place: Path | str, folder: str, columns: Sequence[Mapping[str, str]]
    ) -> None:
        self._place, self._folder = place, folder
        self._schema = pyarrow.schema(_field(column) for column in columns)

    def send(self, batch: Batch) -> None:
        """Write a file for each day of a batch; raises SinkError."""
        days = defaultdict[str, list[Sent]](list)
        for row in batch.rows:
            days[_day(row.values["created_at"])].append(row)
        name = f"{batch.position + 1:012}-{batch.log}.parquet"
        for day, rows in days.items():
            path = f"{self._folder}/day={day}/{name}"
            try:
                self._write(path, self._encoded(rows))
            # Each driver has errors of its own.
            except Exception as error:
                told = f"{self._place}/{path}: {type(error).__name__}: {error}"
                is_final = isinstance(error, PermissionError | FileNotFoundError | ImportError)
                raise SinkError(told, needs_somebody=is_final) from error

    def _encoded(self, rows: Sequence[Sent]) -> Any:
        table = pyarrow.Table.from_pylist([dict(row.values) for row in rows], schema=self._schema)
        buffer = pyarrow.BufferOutputStream()
        parquet.write_table(table, buffer, compression="zstd")
        return buffer.getvalue()

    def _write(self, path: str, content: Any) -> None:
        """Write a whole file or none."""
        if isinstance(self._place, Path):
            _write_whole(self._place / path, content)
            return
        # Else gcsfs asks by gRPC how a bucket is laid out, which takes a further right.
        os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
        import fsspec

        files, root = fsspec.url_to_fs(self._place)
        files.pipe_file(f"{root}/{path}", content.to_pybytes())


def _write_whole(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def _field(column: Mapping[str, str]) -> pyarrow.Field:
    kind = _TYPES[column["type"]]
    kind = pyarrow.list_(kind) if column["mode"] == "REPEATED" else kind
    return pyarrow.field(column["name"], kind, nullable=column["mode"] == "NULLABLE")


def _day(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds // _MICROSECONDS, UTC).strftime("%Y-%m-%d")
