"""Puts a request's predictions on record before its answer leaves."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass

from app.api.problems import RETRY_AFTER_S, ProblemError
from app.kinds.arrays import json_of
from app.kinds.face import Face, Outcome
from app.kinds.pictures import brightness
from app.kinds.tensors import Tensors
from app.records.errors import LogFullError
from app.records.outbox import Outbox
from app.records.row import Row
from app.serving.client import Prediction

# Of an input that is no picture, so many numbers are kept at most.
_MOST_NUMBERS = 100_000


@dataclass(frozen=True)
class Answered:
    """Whose prediction it is: the id that it gets, and the request's."""

    prediction_id: str
    request_id: str
    input: str | None = None
    """The digest of its input, where that is kept."""


def rows_of(
    answered: Answered,
    prediction: Prediction,
    face: Face,
    outcome: Outcome,
    timing_ms: Mapping[str, float],
) -> list[Row]:
    """Return the rows that the log gets of a prediction."""
    now, light = time.time_ns() // 1000, brightness(outcome.picture)
    shape, took_ms = face.input_shape(outcome), sum(timing_ms.values())
    kept = {} if answered.input is None else {"input": answered.input}
    return [
        Row(
            prediction_id=answered.prediction_id,
            model_name=prediction.model,
            model_version=str(prediction.version),
            request_id=answered.request_id,
            instance_index=index,
            input_shape=shape,
            predicted_class=finding.predicted_class,
            class_probabilities=finding.class_probabilities,
            created_at=now,
            processing_time_ms=took_ms,
            brightness=light,
            detail=json.dumps(
                {**finding.detail, **kept}, separators=(",", ":"), ensure_ascii=False
            ),
        )
        for index, finding in enumerate(face.rows(outcome))
    ]


def content_of(sent: bytes | Tensors) -> bytes | None:
    """Return an input as it is kept: the picture's file, or a JSON object with arrays by name.

    None where those are so large that nobody would wait for their JSON.
    """
    if isinstance(sent, bytes):
        return sent
    if sum(array.size for array in sent.values()) > _MOST_NUMBERS:
        return None
    document = {name: json_of(array) for name, array in sent.items()}
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def keep(records: Outbox, rows: list[Row], timeout_s: float) -> None:
    """Put rows on record, or have them counted as lost; raises ProblemError (503)."""
    try:
        records.commit(rows, timeout_s)
    except LogFullError:
        raise log_full() from None


def log_full() -> ProblemError:
    """Return what a client is told whose predictions could not be put on record."""
    detail = (
        "the prediction log is full of rows that are not sent on yet; with "
        "PREDICTION_LOG_FULL=refuse nothing is answered that is not on record"
    )
    return ProblemError("log-full", detail, retry_after_s=RETRY_AFTER_S)
