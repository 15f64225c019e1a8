"""Tells whether the client of a request still waits for the answer, by the request's connection.

nginx, or whatever passes requests on, closes its own connection when the client has closed its.
"""

from __future__ import annotations

import select
from collections.abc import Mapping
from typing import Any

from app.serving.client import IsGone

#: Where a server tells the descriptor over which a request is answered.
CONNECTION = "slipway.connection"
_OF_GUNICORN = "gunicorn.socket"


def watch(environ: Mapping[str, Any]) -> IsGone | None:
    """Return what tells whether a request's client has hung up; None where nothing can."""
    connection = environ.get(CONNECTION, environ.get(_OF_GUNICORN))
    if connection is None:
        return None
    poll = select.poll()
    # Whatever was sent and not read stays where it is.
    poll.register(connection, select.POLLRDHUP)
    return lambda: bool(poll.poll(0))
