"""One prediction: what was answered, what was true, and how it is erased."""

from __future__ import annotations

import json
from typing import cast

from flask import Response, jsonify, request

from app.api import inputs
from app.api.parameters import invalid
from app.api.predictions.access import check_id, is_begun, log_of, not_found, telling
from app.api.predictions.answers import (
    ErasedPrediction,
    LoggedInstance,
    LoggedPrediction,
    ToldTruth,
)
from app.api.services import services
from app.records import asking, erasing, feedback


def show_prediction(prediction_id: str) -> Response:
    """Show one prediction: all its rows, what was answered, and what was told to be true."""
    records = log_of(services())
    check_id(prediction_id)
    _refuse_parameters()
    if not is_begun(records):
        raise not_found(prediction_id)
    with telling(), records.read() as connection:
        rows = asking.rows_of(connection, prediction_id)
        truths = feedback.of_prediction(connection, prediction_id)
    if not rows:
        raise not_found(prediction_id)
    for row in rows:
        row["detail"] = json.loads(row["detail"])
    answer: LoggedPrediction = {
        "prediction_id": prediction_id,
        "rows": cast(list[LoggedInstance], rows),
        "feedback": cast(list[ToldTruth], truths),
    }
    return jsonify(answer)


def erase_prediction(prediction_id: str) -> Response:
    """Erase one prediction from this log, and what was told of it; again is no error."""
    shared = services()
    records = log_of(shared)
    check_id(prediction_id)
    _refuse_parameters()
    with telling():
        erased = erasing.erase(records, shared.record_settings, prediction_id)
    answer: ErasedPrediction = {
        "prediction_id": prediction_id,
        "rows": erased.rows,
        "feedback": erased.feedback,
        "inputs": erased.inputs,
        "elsewhere": [*erased.elsewhere],
    }
    return jsonify(answer)


def _refuse_parameters() -> None:
    for name, value in inputs.query(request):
        raise invalid(name, value, "there are no parameters here")
