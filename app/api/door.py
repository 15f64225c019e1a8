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
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from app import log
from app.api.admission import Model
from app.api.exchange import Exchange, Route
from app.api.hangup import watch
from app.api.parameters import as_version
from app.api.problems import ProblemError, of_serving
from app.api.services import Services

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_LOGGED_EACH_S = 1.0
# What such a body holds is the input alone.
_BARE = ("image/", "application/octet-stream")


class Door:
    """The application's outermost part: what is sent by POST is answered here.

    Args:
        app: what is behind the door, for all other requests.
        services: of the application.
        routes: for what is sent by POST; only those of predictions need a place.
    """

    def __init__(self, app: WSGIApplication, services: Services, routes: Collection[Route]) -> None:
        self._app, self._services = app, services
        self._plain = {route.rule: route for route in routes if "<" not in route.rule}
        self._others = [(_pattern(route.rule), route) for route in routes if "<" in route.rule]
        self._lock = threading.Lock()
        self._refused, self._logged_at = 0, 0.0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        asked = self._asked(environ)
        if asked is None:
            return self._app(environ, start_response)
        route, arguments = asked
        exchange = Exchange(environ, self._services, route, watch(environ))
        if not route.is_of_predictions:
            return exchange.send(exchange.answer(arguments), start_response)
        admission = self._services.admission
        model = _named(arguments) if arguments else _named_in(environ)
        if error := (model and admission.refusal(model)) or admission.enter():
            return self._refuse(of_serving(error), route, exchange, start_response)
        try:
            answer = exchange.answer(arguments)
        finally:
            admission.leave()
        return exchange.send(answer, start_response)

    def _asked(self, environ: WSGIEnvironment) -> tuple[Route, Mapping[str, str]] | None:
        """Return the route of what is sent by POST, with what the path names; None without one."""
        if environ["REQUEST_METHOD"] != "POST":
            return None
        path = environ.get("PATH_INFO", "")
        if not path.isascii():
            # WSGI has the bytes of a path as if they were Latin-1.
            path = path.encode("latin-1").decode(errors="replace")
        if route := self._plain.get(path):
            return route, {}
        for pattern, route in self._others:
            if match := pattern.fullmatch(path):
                return route, match.groupdict()
        return None

    def _refuse(
        self, problem: ProblemError, route: Route, exchange: Exchange, start: StartResponse
    ) -> Iterable[bytes]:
        exchange.request.drain()
        return exchange.send(exchange.refusal(problem), start, lambda: self._count(problem, route))

    def _count(self, problem: ProblemError, route: Route) -> None:
        self._services.telemetry.count_request("POST", route.rule, problem.status)
        with self._lock:
            self._refused += 1
            now = time.monotonic()
            if now - self._logged_at < _LOGGED_EACH_S:
                return
            refused, self._refused, self._logged_at = self._refused, 0, now
        log.event("refused", "WARNING", requests=refused, path=route.rule, detail=problem.detail)


def _pattern(rule: str) -> re.Pattern[str]:
    """Return what matches the paths of a route whose rule names parts of them."""
    parts = re.split(r"(<\w+>)", rule)
    return re.compile(
        "".join(f"(?P{part}[^/]+)" if part.startswith("<") else re.escape(part) for part in parts)
    )


def _named(arguments: Mapping[str, str]) -> Model:
    """Return the model that a path names."""
    return arguments["name"], arguments.get("label") or as_version(arguments.get("version"))


def _named_in(environ: WSGIEnvironment) -> Model | None:
    """Return which model the head of a request names; None where the body may name one."""
    content_type = environ.get("CONTENT_TYPE", "")
    if content_type and not content_type.startswith(_BARE):
        return None
    query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
    version = query.get("version")
    return query.get("model"), as_version(version) or version or None
