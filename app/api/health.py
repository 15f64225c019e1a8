"""Liveness and readiness. Live means that this worker answers; ready, that a model does."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from app.api.problems import RETRY_AFTER_S, ProblemError
from app.api.services import services

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """Answer 200 as long as the HTTP side works, whatever the models do."""
    return jsonify({"status": "ok"})


@blueprint.get("/readyz")
def readyz() -> Response:
    """Answer 200 when predictions can be made, else 503 with the reason."""
    is_ready, reason = services().client.readiness()
    if not is_ready:
        raise ProblemError("not-ready", reason, retry_after_s=RETRY_AFTER_S)
    return jsonify({"status": "ready"})
