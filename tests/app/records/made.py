"""Rows as the server makes them, for tests that need no server."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from app.ids import new_id
from app.records.row import Row

_ROW = Row(
    prediction_id="",
    model_name="street",
    model_version="3",
    request_id="request",
    instance_index=0,
    input_shape="60x80x3",
    predicted_class=1,
    class_probabilities=np.array([0.1, 0.7, 0.2]),
    created_at=0,
    processing_time_ms=4.5,
    brightness=0.25,
    detail='{"label":"person","score":0.7}',
)


def row(**fields: Any) -> Row:
    """Return a row of a prediction that is made now."""
    made: dict[str, Any] = {"prediction_id": new_id(), "created_at": time.time_ns() // 1000}
    return replace(_ROW, **made | fields)
