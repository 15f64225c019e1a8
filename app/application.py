"""The WSGI application, put together from settings and an inference client."""

from __future__ import annotations

from typing import Any, cast

from flask import Flask

from app.api import (
    docs,
    health,
    metrics,
    models,
    pages,
    platform,
    predict,
    predictions,
    problems,
    requests,
    uploads,
    v1,
    v2,
)
from app.api.admission import Admission
from app.api.dialects import of_blueprint
from app.api.door import Door
from app.api.exchange import Route
from app.api.grpc import Grpc
from app.api.services import Services, attach
from app.api.telemetry import Telemetry
from app.api.v2 import repository
from app.records.outbox import Outbox
from app.records.settings import RecordSettings
from app.records.spool import Spool, spool_of
from app.serving.client import InferenceClient
from app.settings import Settings


def create_app(settings: Settings, client: InferenceClient) -> Flask:
    """Return the application; it holds on to `client` and starts nothing by itself."""
    app = Flask("app.api")
    app.json.sort_keys = False  # type: ignore[attr-defined]
    telemetry, log_file = Telemetry(), settings.records.prediction_log
    services = Services(
        api=settings.api,
        serving=settings.serving,
        limits=settings.limits,
        client=client,
        telemetry=telemetry,
        admission=Admission(settings.hosting.http_threads),
        record_settings=settings.records,
        records=Outbox(log_file, settings.records, telemetry.count_lost) if log_file else None,
        spool=_spool(settings.records, telemetry),
    )
    attach(app, services)
    requests.register(app)
    uploads.register(app)
    problems.register(app)
    platform.register(app, settings.api)
    for room in (predict, predictions, v1, v2, models, health, metrics, pages, docs):
        app.register_blueprint(room.blueprint)
    door = Door(app.wsgi_app, services, _routes(app))
    app.wsgi_app = Grpc(door, settings.serving.inference_timeout_s)  # type: ignore[method-assign]
    return app


def _spool(settings: RecordSettings, telemetry: Telemetry) -> Spool | None:
    if not settings.inputs_share or settings.prediction_log is None:
        return None
    return Spool(spool_of(settings.prediction_log), settings.inputs_share, telemetry.count_input)


def _routes(app: Flask) -> list[Route]:
    """Return what is sent by POST: predictions are asked for there, or models told to load.

    Flask knows these routes for what it says of them; their handlers are not for it to call.
    """
    others = repository.ENDPOINTS | predictions.ENDPOINTS
    return [
        Route(
            rule.rule,
            cast(Any, app.view_functions[rule.endpoint]),
            of_blueprint(rule.endpoint.partition(".")[0]),
            is_of_predictions=rule.endpoint not in others,
        )
        for rule in app.url_map.iter_rules()
        if "POST" in (rule.methods or ())
    ]
