"""What the blueprints share: settings, the inference client and the metrics of this application."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

from flask import Flask, current_app

from app.api.admission import Admission
from app.api.settings import ApiSettings
from app.api.telemetry import Telemetry
from app.kinds.limits import Limits
from app.records.outbox import Outbox
from app.records.settings import RecordSettings
from app.records.spool import Spool
from app.serving.client import InferenceClient
from app.serving.settings import ServingSettings

_NAME = "slipway"
_LOOK_S = 0.05


@dataclass
class _Looked:
    """What was seen of a file that may come, and when it is looked for again."""

    is_there: bool = False
    again_at: float = 0.0


@dataclass(frozen=True)
class Services:
    """The collaborators that `create_app` was given."""

    api: ApiSettings
    serving: ServingSettings
    limits: Limits
    client: InferenceClient
    telemetry: Telemetry
    admission: Admission
    record_settings: RecordSettings = field(default_factory=RecordSettings)
    records: Outbox | None = None
    """The prediction log; None where predictions are not recorded."""
    spool: Spool | None = None
    """Where inputs go that are to be kept; None where none is."""
    _looked: _Looked = field(default_factory=lambda: _Looked())
    last_answers: dict[str, object] = field(default_factory=dict)
    """What each health path answered last."""

    @cached_property
    def _stopping_mark(self) -> str:
        return str(self.serving.stopping_mark)

    def is_stopping(self) -> bool:
        """Say whether the server is told to stop, as it was known a moment ago."""
        now = time.monotonic()
        if now >= self._looked.again_at:
            self._looked.is_there = os.path.exists(self._stopping_mark)
            self._looked.again_at = now + _LOOK_S
        return self._looked.is_there


def attach(app: Flask, services: Services) -> None:
    """Keep the services with the application."""
    app.extensions[_NAME] = services


def services() -> Services:
    """Return the services of the application that handles the current request."""
    return cast(Services, current_app.extensions[_NAME])
