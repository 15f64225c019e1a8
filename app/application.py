"""The WSGI application, put together from settings and an inference client."""

from __future__ import annotations

from flask import Flask

from app.api import (
    docs,
    health,
    metrics,
    models,
    pages,
    predict,
    problems,
    requests,
    uploads,
)
from app.api.services import Services, attach
from app.api.telemetry import Telemetry
from app.serving.client import InferenceClient
from app.settings import Settings

# JSON with base64 is a third larger than the picture in it.
_BASE64_GROWTH = 4 / 3
_ROOM_AROUND_THE_IMAGE = 1 << 20


def create_app(settings: Settings, client: InferenceClient) -> Flask:
    """Return the application; it holds on to `client` and starts nothing by itself."""
    app = Flask("app.api")
    uploads.register(app)
    largest_body = int(settings.max_image_bytes * _BASE64_GROWTH) + _ROOM_AROUND_THE_IMAGE
    app.config["MAX_CONTENT_LENGTH"] = largest_body
    app.json.sort_keys = False  # type: ignore[attr-defined]
    attach(app, Services(settings, client, Telemetry()))
    requests.register(app)
    problems.register(app)
    for room in (predict, models, health, metrics, pages, docs):
        app.register_blueprint(room.blueprint)
    return app
