"""The callable that uWSGI, or any other WSGI server, loads: `app.wsgi:application`."""

from __future__ import annotations

import os
from pathlib import Path

from app import log
from app.api import last_will
from app.application import create_app
from app.serving.connect import connect
from app.serving.vacancy import check_folder
from app.settings import WILLS_VARIABLE, Settings

_settings = Settings.from_environment()
check_folder(_settings.model_repository)
log.configure(_settings.log_level)
application = create_app(_settings, connect(_settings))
if _executor := os.environ.get(WILLS_VARIABLE):
    # `slipway serve` takes wills, and runs uWSGI, which has this module for whom it runs.
    import uwsgi

    last_will.register(application, uwsgi.connection_fd, Path(_executor))
