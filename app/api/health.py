"""Liveness and readiness. Live means that this worker answers; ready, that a model does."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from app.api.answers import Alive, Ready
from app.api.models import state_of
from app.api.problems import RETRY_AFTER_S, ProblemError
from app.api.services import services
from app.serving.client import InferenceClient
from app.serving.errors import ServingError

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """Answer 200 as long as the HTTP side works, whatever the models do."""
    answer: Alive = {"status": "ok"}
    return jsonify(answer)


@blueprint.get("/readyz")
def readyz() -> Response:
    """Answer 200 when predictions can be made, else 503 with the reason."""
    client = services().client
    if services().is_stopping():
        raise ProblemError("not-ready", "the server is stopping", retry_after_s=RETRY_AFTER_S)
    is_ready, reason = client.readiness()
    if is_ready:
        answer: Ready = {"status": "ready"}
        return jsonify(answer)
    raise ProblemError("not-ready", reason, retry_after_s=RETRY_AFTER_S, **_states(client))


def _states(client: InferenceClient) -> dict[str, Any]:
    """Return how far the models have come; nothing where that is not known."""
    try:
        return {"models": [state_of(model) for model in client.models()]}
    except ServingError:
        return {}
