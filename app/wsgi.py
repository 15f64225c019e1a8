"""The callable that uWSGI, or any other WSGI server, loads: `app.wsgi:application`."""

from __future__ import annotations

from app import log
from app.application import create_app
from app.serving.connect import connect
from app.serving.vacancy import check_repository
from app.settings import Settings

_settings = Settings.from_environment()
check_repository(_settings.serving)
log.configure(_settings.log_level)
application = create_app(_settings, connect(_settings.serving))
