"""GET /metrics, for Prometheus."""

from __future__ import annotations

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST

from app.api.services import services

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
def metrics() -> Response:
    """Return what all workers counted, and the state of inference."""
    shared = services()
    return Response(
        shared.telemetry.scrape(shared.client, shared.records), content_type=CONTENT_TYPE_LATEST
    )
