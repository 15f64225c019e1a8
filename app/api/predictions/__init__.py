"""`/predictions` and `/feedback`: what was predicted is asked for, and what was true is told."""

from __future__ import annotations

from flask import Blueprint, Response

from app.api.exchange import add_route
from app.api.predictions.feedback import feedback
from app.api.predictions.listing import list_predictions
from app.api.predictions.one import erase_prediction, show_prediction
from app.api.predictions.overview import summarize_predictions

blueprint = Blueprint("predictions", __name__)

#: What is sent by POST and asks for no prediction.
ENDPOINTS = frozenset({"predictions.feedback"})

blueprint.get("/predictions")(list_predictions)
blueprint.get("/predictions:summary")(summarize_predictions)
blueprint.get("/predictions/<prediction_id>")(show_prediction)
blueprint.delete("/predictions/<prediction_id>")(erase_prediction)
add_route(blueprint, "/feedback", feedback)


@blueprint.after_request
def _keep_to_who_asked(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.vary.add("Accept")
    return response
