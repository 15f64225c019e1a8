"""One row of the prediction log, and the one list of its columns that all who hold rows share."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SCHEMA = Path(__file__).with_name("prediction.schema.json")

#: How numbers lie in the file: little-endian, whatever the machine.
FLOATS = np.dtype("<f8")


@dataclass(frozen=True, eq=False, slots=True)
class Row:
    """A prediction, or one of the instances that it has found.

    Args:
        prediction_id: a ULID.
        model_name: that answered.
        model_version: likewise.
        request_id: as `X-Request-ID` of the answer tells it.
        instance_index: its place among the prediction's rows, from 0.
        input_shape: of what was sent, as `480x640x3`: height, width and channels of a picture.
        predicted_class: 0 is the background of a model that has one; -1 where there is no class.
        class_probabilities: float64 [classes], or the numbers that a regression gave.
        created_at: microseconds since 1970, UTC.
        processing_time_ms: from the decoding to the answer.
        brightness: mean luminance of the picture, 0 to 1; None without one.
        detail: a JSON object with what was answered beside the numbers; it stays on this machine.
    """

    prediction_id: str
    model_name: str
    model_version: str
    request_id: str
    instance_index: int
    input_shape: str
    predicted_class: int
    class_probabilities: NDArray[np.float64]
    created_at: int
    processing_time_ms: float
    brightness: float | None
    detail: str


@dataclass(frozen=True, eq=False, slots=True)
class Stored:
    """A row with its place in the order of commits."""

    seq: int
    row: Row


#: The columns of SQLite in the order of `Row`'s fields.
COLUMNS = tuple(Row.__dataclass_fields__)


@cache
def schema() -> Sequence[Mapping[str, str]]:
    """Return the columns of the table that rows are sent to, as BigQuery writes them down."""
    columns: list[Mapping[str, str]] = json.loads(SCHEMA.read_text())
    return columns


def values_of(row: Row) -> tuple[Any, ...]:
    """Return what SQLite keeps of a row, in the order of `COLUMNS`."""
    return (
        row.prediction_id,
        row.model_name,
        row.model_version,
        row.request_id,
        row.instance_index,
        row.input_shape,
        row.predicted_class,
        row.class_probabilities.astype(FLOATS, copy=False).tobytes(),
        row.created_at,
        row.processing_time_ms,
        row.brightness,
        row.detail,
    )


def row_of(values: Sequence[Any]) -> Row:
    """Return the row that SQLite's values are, which come in the order of `COLUMNS`."""
    named = dict(zip(COLUMNS, values, strict=True))
    named["class_probabilities"] = np.frombuffer(named["class_probabilities"], FLOATS)
    return Row(**named)
