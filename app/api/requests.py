"""What happens around every request: its id, its count and its line in the log."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Flask, Response, g, request

from app import log
from app.api.counted import METHODS
from app.api.dialects import Dialect
from app.api.services import Services, services
from app.ids import new_id

HEADER = "X-Request-ID"

_WELL_FORMED = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")
# Asked every few seconds by machines: no load to scale by, and logged only when the answer is news
# to this process.
_QUIET = ("health.healthz", "health.readyz", "metrics.metrics", "v2.live", "v2.ready")
# What an answer says to browsers, unless its page says more. Nothing here is to be shown in another
# site's frame, guessed at, or kept: a prediction is about somebody's photo.
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def register(app: Flask) -> None:
    """Follow every request of the application."""
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_leave)


def request_id_of(given: str) -> str:
    """Return the id that a client gave its request where it is well-formed, else a new one."""
    return given if _WELL_FORMED.fullmatch(given) else new_id()


def headers_of(request_id: str, dialect: Dialect | None) -> dict[str, str]:
    """Return the headers that any answer to a request for predictions has."""
    headers = {HEADER: request_id, "Cache-Control": "no-store", **SECURITY}
    if dialect is None:
        # What is accepted decides on the form.
        headers["Vary"] = "Accept"
    return headers


def _begin() -> None:
    g.request_id = request_id_of(request.headers.get(HEADER, ""))
    g.start = time.perf_counter()
    if request.endpoint not in _QUIET:
        services().telemetry.requests_in_flight.inc()
        g.is_in_flight = True


def _end(response: Response) -> Response:
    response.headers[HEADER] = g.request_id
    for name, value in SECURITY.items():
        response.headers.setdefault(name, value)
    if request.method == "POST":
        response.headers.setdefault("Cache-Control", "no-store")
    if services().is_stopping():
        # A client that keeps its connection would send its next request to a server that is gone.
        response.headers["Connection"] = "close"
    done = partial(account, services(), Answered.of(response))
    if response.direct_passthrough:
        # A file, which the server itself sends: it does not close the response.
        done()
    else:
        response.call_on_close(done)
    return response


@dataclass(frozen=True)
class Answered:
    """A request and its answer, as they are counted and logged."""

    method: str
    path: str
    route: str
    status: int
    is_quiet: bool
    client: str | None
    request_id: str
    started: float
    problem: str | None
    detail: str | None

    @classmethod
    def of(cls, response: Response) -> Answered:
        """Return that of the current request of Flask."""
        return cls(
            method=request.method,
            path=request.path,
            route=request.url_rule.rule if request.url_rule else "none",
            status=response.status_code,
            is_quiet=request.endpoint in _QUIET,
            client=request.remote_addr,
            request_id=g.request_id,
            started=g.start,
            problem=g.get("problem"),
            detail=g.get("problem_detail"),
        )


def account(
    services: Services, answered: Answered, actions: Sequence[Callable[[], None]] = ()
) -> None:
    """Count and log a request whose answer is sent, and do what was left until then."""
    method = answered.method if answered.method in METHODS else "other"
    services.telemetry.count_request(method, answered.route, answered.status)
    with log.in_one_piece():
        for action in actions:
            action()
        if not answered.is_quiet or _is_news(services, answered):
            _log(answered)


def _is_news(services: Services, answered: Answered) -> bool:
    answer = (answered.status, answered.detail)
    is_news = answer != services.last_answers.get(answered.path, (200, None))
    services.last_answers[answered.path] = answer
    return is_news


def _log(answered: Answered) -> None:
    problem: dict[str, Any] = {}
    if answered.problem is not None:
        problem = {"problem": answered.problem, "detail": answered.detail}
    log.event(
        "request",
        _severity(answered),
        request_id=answered.request_id,
        method=answered.method,
        path=answered.path,
        status=answered.status,
        ms=round((time.perf_counter() - answered.started) * 1000, 1),
        client=answered.client,
        **problem,
    )


def _severity(answered: Answered) -> str:
    if answered.status < 500 or (answered.is_quiet and answered.status == 503):
        # That it is not ready yet is what a probe asks; why not has lines of its own.
        return "INFO"
    return "ERROR" if answered.status == 500 else "WARNING"


def _leave(error: BaseException | None) -> None:
    if g.pop("is_in_flight", False):
        services().telemetry.requests_in_flight.dec()
