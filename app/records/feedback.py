"""What turned out to be true of predictions: kept beside them, and whether they agree with it.

A prediction agrees when the classes that it found are those that are true, each as many times:
where on the picture they are does not count. No instance at all is the background, class 0, as a
row of the log has it. All truths are kept; of several of one prediction the last one counts.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.records.database import moment
from app.records.outbox import Outbox

#: The class of a picture on which there is nothing.
BACKGROUND = 0


@dataclass(frozen=True)
class Truth:
    """What is true of a prediction.

    Args:
        document: JSON, as it is kept.
        truth_class: the class, where there is one for all of the input.
        agrees: whether the prediction does; None where that is not known.
    """

    document: Mapping[str, Any]
    truth_class: int | None
    agrees: bool | None


def agreement(predicted: Sequence[int], true: Sequence[int]) -> bool:
    """Say whether a prediction's classes, one a row, are the true ones."""
    return Counter(predicted) == Counter(true or [BACKGROUND])


def keep(records: Outbox, prediction_id: str, truth: Truth, request_id: str) -> None:
    """Put a truth on record; raises RecordsError."""
    text = json.dumps(truth.document, ensure_ascii=False, separators=(",", ":"))
    agrees = None if truth.agrees is None else int(truth.agrees)
    records.write(
        "INSERT INTO main.feedback (prediction_id, created_at, truth, truth_class, agrees, "
        "request_id) VALUES (?, ?, ?, ?, ?, ?)",
        (
            prediction_id,
            time.time_ns() // 1000,
            text,
            truth.truth_class,
            agrees,
            request_id,
        ),
    )


def of_prediction(connection: sqlite3.Connection, prediction_id: str) -> list[dict[str, Any]]:
    """Return all truths of a prediction, the last one first."""
    found = connection.execute(
        "SELECT created_at, truth, agrees, request_id FROM main.feedback "
        "WHERE prediction_id = ? ORDER BY seq DESC",
        (prediction_id,),
    )
    return [
        {
            "created_at": moment(created_at),
            "truth": json.loads(truth),
            "agrees": None if agrees is None else bool(agrees),
            "request_id": request_id,
        }
        for created_at, truth, agrees, request_id in found
    ]
