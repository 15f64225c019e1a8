"""What the blueprints share: settings, the inference client and the metrics of this application."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

from flask import Flask, current_app

from app.api.admission import Admission
from app.api.telemetry import Telemetry
from app.kinds.face import Limits
from app.serving.client import InferenceClient
from app.serving.limits import limits_of
from app.settings import Settings

_NAME = "slipway"


@dataclass(frozen=True)
class Services:
    """The collaborators that `create_app` was given."""

    settings: Settings
    client: InferenceClient
    telemetry: Telemetry
    admission: Admission
    last_answers: dict[str, object] = field(default_factory=dict)
    """What each health path answered last."""

    @cached_property
    def limits(self) -> Limits:
        """What the inputs of one request may cost."""
        return limits_of(self.settings)


def attach(app: Flask, services: Services) -> None:
    """Keep the services with the application."""
    app.extensions[_NAME] = services


def services() -> Services:
    """Return the services of the application that handles the current request."""
    return cast(Services, current_app.extensions[_NAME])
