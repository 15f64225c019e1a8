"""Refuses what a model's queue has no place for, before anything else is done about it.

At twice the load that a server can bear there are as many requests to refuse as to answer, and all
that a refusal costs is taken from the answers. A worker that a model's queue has refused refuses
that model's requests itself for up to 20 ms: with the same problem, without Flask, without the way
to the inference process, and with one line in the log for all of them. A model that only the body
names is found out later.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from app import log
from app.api.admission import Model
from app.api.dialects import Dialect
from app.api.hangup import watch
from app.api.problems import ProblemError, of_serving
from app.api.requests import outside_of_flask, request_id_of
from app.api.services import Services
from app.api.uploads import drain

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Where the environment of a request holds what tells whether its client has hung up.
IS_GONE = "slipway.is_gone"

_LOGGED_EACH_S = 1.0
_VERSION = re.compile(r"[0-9]{1,18}")
# What such a body holds is the input alone.
_BARE = ("image/", "application/octet-stream")


@dataclass(frozen=True)
class Route:
    """Where predictions are asked for: a path, perhaps with `<name>` and `<version>` in it."""

    rule: str
    dialect: Dialect | None = None

    def pattern(self) -> re.Pattern[str]:
        """Return what matches a path that is such a one."""
        parts = re.split(r"(<\w+>)", self.rule)
        return re.compile(
            "".join(
                f"(?P{part}[^/]+)" if part.startswith("<") else re.escape(part) for part in parts
            )
        )


class Door:
    """The application's outermost part.

    Args:
        app: what is behind the door.
        services: of the application.
        routes: where predictions are asked for by POST.
    """

    def __init__(self, app: WSGIApplication, services: Services, routes: Collection[Route]) -> None:
        self._app, self._services = app, services
        self._plain = {route.rule: route for route in routes if "<" not in route.rule}
        self._others = [(route.pattern(), route) for route in routes if "<" in route.rule]
        self._lock = threading.Lock()
        self._refused, self._logged_at = 0, 0.0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        asked = self._asked(environ)
        if asked is None or not environ.get("CONTENT_LENGTH", "").isdigit():
            return self._app(environ, start_response)
        route, model = asked
        admission = self._services.admission
        error = (model and admission.refusal(model)) or admission.enter()
        if error is not None:
            return self._refuse(of_serving(error), route, environ, start_response)
        environ[IS_GONE] = watch(environ)
        try:
            return self._app(environ, start_response)
        finally:
            admission.leave()

    def _asked(self, environ: WSGIEnvironment) -> tuple[Route, Model | None] | None:
        """Return where a prediction is asked for, and of which model; None where none is."""
        if environ["REQUEST_METHOD"] != "POST":
            return None
        path = environ.get("PATH_INFO", "")
        if route := self._plain.get(path):
            return route, _named_in(environ)
        for pattern, route in self._others:
            if match := pattern.fullmatch(path):
                named = match.groupdict()
                version = named.get("label") or as_version(named.get("version"))
                return route, (match["name"], version)
        return None

    def _refuse(
        self,
        problem: ProblemError,
        route: Route,
        environ: WSGIEnvironment,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        drain(environ["wsgi.input"], int(environ["CONTENT_LENGTH"]))
        request_id = request_id_of(environ.get("HTTP_X_REQUEST_ID", ""))
        headers, body = outside_of_flask(problem, request_id, route.dialect)
        if route.dialect is None:
            headers["Vary"] = "Accept"
        if self._services.settings.stopping_mark.exists():
            headers["Connection"] = "close"
        self._count(problem, route.rule)
        start_response(
            f"{problem.status} {HTTPStatus(problem.status).phrase}", list(headers.items())
        )
        return [body]

    def _count(self, problem: ProblemError, path: str) -> None:
        labels = ("POST", path, str(problem.status))
        self._services.telemetry.requests.labels(*labels).inc()
        with self._lock:
            self._refused += 1
            now = time.monotonic()
            if now - self._logged_at < _LOGGED_EACH_S:
                return
            refused, self._refused, self._logged_at = self._refused, 0, now
        log.event("refused", "WARNING", requests=refused, path=path, detail=problem.detail)


def as_version(text: str | None) -> int | None:
    """Return the version that a path names; None where it names none."""
    return int(text) if text and _VERSION.fullmatch(text) else None


def _named_in(environ: WSGIEnvironment) -> Model | None:
    """Return which model the head of a request names; None where the body may name one."""
    content_type = environ.get("CONTENT_TYPE", "")
    if content_type and not content_type.startswith(_BARE):
        return None
    query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
    version = query.get("version")
    return query.get("model"), as_version(version) or version or None
