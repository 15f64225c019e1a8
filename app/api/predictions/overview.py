"""GET /predictions:summary: the log at a glance, as the page draws it."""

from __future__ import annotations

from dataclasses import asdict
from typing import cast

from flask import Response, jsonify, request

from app.api import inputs
from app.api.predictions.access import is_begun, log_of, telling
from app.api.predictions.answers import LogSummary
from app.api.predictions.parameters import FilterParameters, parse
from app.api.services import services
from app.records.summing import EMPTY, summary


def summarize_predictions() -> Response:
    """Count predictions over time, their scores, and how many agree with what is true."""
    records = log_of(services())
    asked = parse(FilterParameters, inputs.query(request))
    with telling():
        found = summary(records.read, asked.filter()) if is_begun(records) else EMPTY
    return jsonify(cast(LogSummary, asdict(found)))
