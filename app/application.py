"""The WSGI application, put together from settings and an inference client."""

from __future__ import annotations

from flask import Flask

from app.api import (
    docs,
    health,
    metrics,
    models,
    pages,
    platform,
    predict,
    problems,
    requests,
    uploads,
    v1,
    v2,
)
from app.api.admission import Admission
from app.api.dialects import of_blueprint
from app.api.door import Door, Route
from app.api.services import Services, attach
from app.api.telemetry import Telemetry
from app.api.v2 import repository
from app.serving.client import InferenceClient
from app.settings import Settings


def create_app(settings: Settings, client: InferenceClient) -> Flask:
    """Return the application; it holds on to `client` and starts nothing by itself."""
    app = Flask("app.api")
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.json.sort_keys = False  # type: ignore[attr-defined]
    services = Services(settings, client, Telemetry(), Admission(settings.http_threads))
    attach(app, services)
    requests.register(app)
    uploads.register(app)
    problems.register(app)
    platform.register(app, settings)
    for room in (predict, v1, v2, models, health, metrics, pages, docs):
        app.register_blueprint(room.blueprint)
    app.wsgi_app = Door(app.wsgi_app, services, _routes(app))  # type: ignore[method-assign]
    return app


def _routes(app: Flask) -> list[Route]:
    """Return where predictions are asked for: what is sent by POST, and tells no model to load."""
    return [
        Route(rule.rule, of_blueprint(rule.endpoint.partition(".")[0]))
        for rule in app.url_map.iter_rules()
        if "POST" in (rule.methods or ()) and rule.endpoint not in repository.ENDPOINTS
    ]
