"""POST /feedback: what turned out to be true of a prediction is put on record beside it.

The prediction may be another pod's, or long dropped from this log: the truth is kept all the same,
and finds it where all predictions come together.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from app.api import inputs, strict_json
from app.api.exchange import Answer, Exchange, json_answer
from app.api.negotiation import JSON
from app.api.predictions.access import is_begun, log_of, telling
from app.api.predictions.answers import Feedback, Recorded, TrueClassId, TrueInstances, TrueLabel
from app.api.predictions.truth import UNKNOWN, checked, classes_of
from app.api.problems import ProblemError
from app.records import asking
from app.records.feedback import keep
from app.records.outbox import Outbox

_SHAPES_BY_NAME = {
    "class_id": TrueClassId.__name__,
    "label": TrueLabel.__name__,
    "instances": TrueInstances.__name__,
}
_SHAPES = '{"class_id": 3}, {"label": "cat"} or {"instances": [{"class_id": 3, "box": …}]}'


def feedback(exchange: Exchange) -> Answer:
    """Tell what is true of a prediction."""
    records = log_of(exchange.services)
    sent = _sent(exchange)
    with telling():
        rows = _rows(records, sent.prediction_id)
        known, model, version = UNKNOWN, "", ""
        if rows:
            model, version = rows[0]["model_name"], rows[0]["model_version"]
            known = classes_of(exchange.services.client, model, version)
        truth = checked(sent, rows, known)
        keep(records, sent.prediction_id, truth, exchange.request_id)
    count = exchange.services.telemetry.count_feedback
    exchange.when_sent.append(lambda: count(model, version, truth.agrees))
    answer: Recorded = {"recorded": True, "joined": bool(rows), "agrees": truth.agrees}
    return replace(json_answer(answer), status=201 if rows else 202)


def _rows(records: Outbox, prediction_id: str) -> list[dict[str, Any]]:
    if not is_begun(records):
        return []
    with records.read() as connection:
        return asking.rows_of(connection, prediction_id)


def _sent(exchange: Exchange) -> Feedback:
    """Return the body; raises ProblemError."""
    inputs.check_length(exchange.request)
    for name, _ in inputs.query(exchange.request):
        detail = f"there is no parameter {name!r} here: feedback is told in the body"
        raise ProblemError("invalid-parameter", detail, field=name)
    if exchange.request.mimetype != JSON:
        detail = f"Content-Type {exchange.request.mimetype!r} is not understood; send {JSON}"
        raise ProblemError("unsupported-media-type", detail, field="Content-Type")
    document = strict_json.parse(exchange.request.get_data(cache=False))
    if not isinstance(document, dict):
        raise ProblemError("invalid-input", "the body has to be an object")
    try:
        return Feedback.model_validate(document)
    except ValidationError as error:
        raise _unfit(error, document) from None


def _unfit(error: ValidationError, document: dict[str, Any]) -> ProblemError:
    """Return the problem of the first thing that does not fit, by where it is in the body."""
    truth = document.get("truth")
    told = [_SHAPES_BY_NAME[name] for name in truth or () if name in _SHAPES_BY_NAME]
    if isinstance(truth, dict) and not told:
        detail = f"`truth`: one of {_SHAPES} is expected"
        return ProblemError("invalid-input", detail, field="truth")
    errors = error.errors(include_url=False, include_context=False)
    # Of the three shapes that a truth may have, that one counts which is meant.
    meant = [
        one for one in errors if one["loc"][:1] != ("truth",) or one["loc"][1:2] == (*told[:1],)
    ]
    first = (meant or errors)[0]
    place = [part for part in first["loc"] if part not in _SHAPES_BY_NAME.values()]
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(
        "."
    )
    return ProblemError("invalid-input", f"`{field}`: {first['msg'].lower()}", field=field)
