"""What uWSGI's workers load: the application, told over which connection it answers."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import uwsgi

# uWSGI has its workers say everything on stderr. The application's lines are whole: they go where
# those of the other processes go.
sys.stdout = os.fdopen(int(os.environ["SLIPWAY_STDOUT"]), "w")

from app.api.hangup import CONNECTION  # noqa: E402
from app.wsgi import application as _application  # noqa: E402

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer a request."""
    environ[CONNECTION] = uwsgi.connection_fd()
    return _application(environ, start_response)
