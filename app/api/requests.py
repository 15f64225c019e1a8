"""What happens around every request: its id, its count and its line in the log."""

from __future__ import annotations

import re
import time

from flask import Flask, Response, g, request

from app import log
from app.api.problems import ProblemError
from app.api.services import services
from app.ids import new_id

HEADER = "X-Request-ID"

_WELL_FORMED = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")
# Asked every few seconds by machines: logged only when the answer is news to this process.
_QUIET = ("health.healthz", "health.readyz", "metrics.metrics")
# What an answer says to browsers, unless its page says more. Nothing here is to be shown in another
# site's frame, guessed at, or kept: a prediction is about somebody's photo.
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
# Anyone may send any word as a method; each would be a metric of its own.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def register(app: Flask) -> None:
    """Follow every request of the application."""
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_leave)


def request_id_of(given: str) -> str:
    """Return the id that a client gave its request where it is well-formed, else a new one."""
    return given if _WELL_FORMED.fullmatch(given) else new_id()


def outside_of_flask(problem: ProblemError, request_id: str) -> tuple[dict[str, str], bytes]:
    """Return headers and body of a problem that is answered where there is no Flask around it."""
    body = problem.body(request_id)
    headers = problem.headers() | SECURITY
    headers |= {HEADER: request_id, "Cache-Control": "no-store", "Content-Length": str(len(body))}
    return headers, body


def _begin() -> None:
    g.request_id = request_id_of(request.headers.get(HEADER, ""))
    g.start = time.perf_counter()
    services().telemetry.requests_in_flight.inc()
    g.is_in_flight = True


def _end(response: Response) -> Response:
    response.headers[HEADER] = g.request_id
    for name, value in SECURITY.items():
        response.headers.setdefault(name, value)
    if request.method == "POST":
        response.headers.setdefault("Cache-Control", "no-store")
    if services().settings.stopping_mark.exists():
        # A client that keeps its connection would send its next request to a server that is gone.
        response.headers["Connection"] = "close"
    route = request.url_rule.rule if request.url_rule else "none"
    method = request.method if request.method in _METHODS else "other"
    labels = (method, route, str(response.status_code))
    services().telemetry.requests.labels(*labels).inc()
    if request.endpoint not in _QUIET or _is_news(request.path, response.status_code):
        _log(response)
    return response


def _is_news(path: str, status: int) -> bool:
    answer = (status, g.get("problem_detail"))
    last_answers = services().last_answers
    is_news = answer != last_answers.get(path, (200, None))
    last_answers[path] = answer
    return is_news


def _log(response: Response) -> None:
    log.event(
        "request",
        _severity(response.status_code),
        request_id=g.request_id,
        method=request.method,
        path=request.path,
        status=response.status_code,
        ms=round((time.perf_counter() - g.start) * 1000, 1),
        client=request.remote_addr,
        **({"problem": g.problem, "detail": g.problem_detail} if "problem" in g else {}),
    )


def _severity(status: int) -> str:
    if status >= 500:
        return "ERROR" if status == 500 else "WARNING"
    return "INFO"


def _leave(error: BaseException | None) -> None:
    if g.pop("is_in_flight", False):
        services().telemetry.requests_in_flight.dec()
