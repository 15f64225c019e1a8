"""Reads a window from what `PREDICTION_SINK` was sent: Parquet files, a folder a day, of all pods.

The one file here that has pyarrow, and fsspec where the files are in a bucket.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from app.records.drift.window import Seen, Span, Window, share_of, window_of
from app.records.errors import RecordsError
from app.records.sampling import is_taken


def from_parquet(place: Path | str, span: Span, most: int) -> Window:
    """Return about `most` predictions of a span; raises RecordsError.

    Args:
        place: a folder, or the address of one in a bucket.
        span: of which of them.
        most: of those, by their ids.
    """
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise RecordsError(f"pyarrow is not here ({error}): ./setup.sh drift") from error
    try:
        tables = [*_tables(place, span, ["instance_index"])]
        there = sum(np.count_nonzero(table["instance_index"].to_numpy() == 0) for table in tables)
        share = share_of(most, int(there))
        rows = _rows(_tables(place, span, [*Seen._fields]), share)
        return window_of(rows, span, int(there))
    # Each store's driver has errors of its own.
    except Exception as error:
        raise RecordsError(f"{place}: {error}") from error


def _rows(tables: Iterator[Any], share: float) -> Iterator[Seen]:
    for table in tables:
        for row in table.to_pylist():
            if is_taken(row["prediction_id"], share):
                numbers = np.asarray(row["class_probabilities"], dtype=np.float64)
                yield Seen(**(row | {"class_probabilities": numbers}))


def _tables(place: Path | str, span: Span, columns: list[str]) -> Iterator[Any]:
    """Yield the rows of a span, a batch at a time."""
    import pyarrow
    from pyarrow import dataset

    until = datetime.fromtimestamp(span.until / 1e6, UTC)
    since = datetime.fromtimestamp(span.since / 1e6, UTC)
    field = dataset.field
    wanted = (
        (field("model_name") == span.model)
        & (field("model_version") == span.version)
        & (field("created_at") >= pyarrow.scalar(since, pyarrow.timestamp("us", "UTC")))
        & (field("created_at") < pyarrow.scalar(until, pyarrow.timestamp("us", "UTC")))
    )
    store, files = _files(place, since, until)
    if files:
        found = dataset.dataset(files, format="parquet", filesystem=store)
        yield from found.to_batches(columns=columns, filter=wanted)


def _files(place: Path | str, since: datetime, until: datetime) -> tuple[Any, list[str]]:
    """Return where the files of some days are, and their paths there."""
    # Else gcsfs asks by gRPC how a bucket is laid out, which takes a further right.
    os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    import fsspec

    store, root = fsspec.url_to_fs(str(place))
    if not store.isdir(root):
        raise RecordsError("there is no such folder")
    files: list[str] = []
    day = since.replace(hour=0, minute=0, second=0, microsecond=0)
    for folder in sorted(store.ls(root, detail=False)):
        name = folder.rstrip("/").rpartition("/")[2]
        if name == "predictions":
            return _files(f"{str(place).rstrip('/')}/predictions", since, until)
        if f"day={day:%Y-%m-%d}" <= name <= f"day={until:%Y-%m-%d}":
            files += [
                path
                for path in store.ls(folder, detail=False)
                if path.endswith(".parquet") and not path.rpartition("/")[2].startswith(".")
            ]
    return store, sorted(files)
