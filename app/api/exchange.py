"""One request for predictions and its answer, as plain WSGI: what Flask adds is of no use to them.

A handler gets an `Exchange` and returns an `Answer`; what it raises is answered with a problem.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from flask import Blueprint
from werkzeug.wsgi import ClosingIterator

from app.api import problems
from app.api.dialects import Dialect
from app.api.recording import keep
from app.api.requests import Answered, account, headers_of, request_id_of
from app.api.services import Services
from app.api.uploads import UploadRequest
from app.records.row import Row
from app.serving.client import IsGone

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

#: Which predictions an answer has: not every protocol has a place for their ids.
PREDICTION_ID = "X-Prediction-ID"
# As many as a request may have pictures; a thousand would be longer than proxies read of a head.
_MOST_IDS = 64
# A disk that does not answer is not waited for longer. One that is only busy has answered by then:
# what is answered and not on record is worse than an answer that is late.
_LONGEST_KEEPING_S = 5.0
_STATUS_LINES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


@dataclass(frozen=True, eq=False)
class Answer:
    """What is sent back."""

    body: bytes
    content_type: str | None = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


def json_answer(document: Any) -> Answer:
    """Return a document as an answer, on one line."""
    return Answer(json.dumps(document, separators=(",", ":")).encode() + b"\n")


@dataclass(frozen=True)
class Route:
    """What is sent by POST, predictions unless told, and in whose words errors are told there.

    `rule` is a path, perhaps with `<name>` and the like in it, which the handler gets by name.
    """

    rule: str
    handler: Callable[..., Answer]
    dialect: Dialect | None = None
    is_of_predictions: bool = True


def add_route(
    blueprint: Blueprint, rule: str, handler: Callable[..., Answer], name: str | None = None
) -> None:
    """Tell Flask of a handler: for the contract, and for who comes there with another method.

    It is not for Flask to call: `Door` does that.
    """
    view = cast(Any, handler)
    blueprint.add_url_rule(rule, name or handler.__name__, view, methods=["POST"])


class Exchange:
    """A request in work.

    Args:
        environ: WSGI's.
        services: of the application.
        route: that the request takes.
        is_gone: tells whether its client has hung up.
    """

    def __init__(
        self,
        environ: WSGIEnvironment,
        services: Services,
        route: Route,
        is_gone: IsGone | None = None,
    ) -> None:
        self.started = time.perf_counter()
        self.request_id = request_id_of(environ.get("HTTP_X_REQUEST_ID", ""))
        self.services, self.is_gone = services, is_gone
        self.request = UploadRequest(environ, services.limits.max_body_bytes)
        self.timeout_s = services.serving.inference_timeout_s
        self.when_sent: list[Callable[[], None]] = []
        self.rows: list[Row] = []
        self.prediction_ids: list[str] = []
        self._route = route
        self._problem: problems.ProblemError | None = None

    def answer(self, arguments: Mapping[str, str]) -> Answer:
        """Return what the route's handler answers, or the problem that it has met."""
        in_flight = self.services.telemetry.requests_in_flight
        in_flight.inc()
        try:
            answer = self._route.handler(self, **arguments)
            self._keep()
        except Exception as error:
            answer = self.refusal(problems.of_error(error, self.request, self.request_id))
        finally:
            in_flight.dec()
        self.request.drain()
        return answer

    def refusal(self, problem: problems.ProblemError) -> Answer:
        """Return a problem as an answer, in the words of the route's protocol."""
        self._problem, dialect = problem, self._route.dialect
        status = dialect.status(problem.status) if dialect else problem.status
        headers = problem.headers(dialect)
        media_type = headers.pop("Content-Type")
        return Answer(problem.body(self.request_id, dialect), media_type, headers, status)

    @property
    def is_refused(self) -> bool:
        """Whether a problem is answered, so that nothing of it is on record."""
        return self._problem is not None

    def _keep(self) -> None:
        """Put what was predicted on record, as long as it is of use to wait for that."""
        records = self.services.records
        if records is not None and self.rows:
            left_s = self.timeout_s - (time.perf_counter() - self.started)
            keep(records, self.rows, min(max(left_s, 0.0), _LONGEST_KEEPING_S))

    def begin_anew(self) -> None:
        """Forget what was predicted by a model that is not to answer after all."""
        self.when_sent.clear()
        self.rows.clear()
        self.prediction_ids.clear()

    def send(
        self,
        answer: Answer,
        start_response: StartResponse,
        account: Callable[[], None] | None = None,
    ) -> Iterable[bytes]:
        """Send the answer; once that is done it is counted and logged, by `account` if given."""
        headers = {
            **({} if answer.content_type is None else {"Content-Type": answer.content_type}),
            "Content-Length": str(len(answer.body)),
            **self._prediction_ids(),
            **answer.headers,
            **headers_of(self.request_id, self._route.dialect),
        }
        if self.services.is_stopping():
            # A client that keeps its connection would send its next request to one that is gone.
            headers["Connection"] = "close"
        line = _STATUS_LINES.get(answer.status) or f"{answer.status} UNKNOWN"
        start_response(line, [*headers.items()])
        return ClosingIterator([answer.body], account or (lambda: self._account(answer)))

    def _prediction_ids(self) -> dict[str, str]:
        """Return the header that names the predictions of an answer."""
        ids = self.prediction_ids
        is_told = self._problem is None and 0 < len(ids) <= _MOST_IDS
        return {PREDICTION_ID: ", ".join(ids)} if is_told else {}

    def _account(self, answer: Answer) -> None:
        request, problem = self.request, self._problem
        answered = Answered(
            method=request.method,
            path=request.path,
            route=self._route.rule,
            status=answer.status,
            is_quiet=False,
            client=request.remote_addr,
            request_id=self.request_id,
            started=self.started,
            problem=None if problem is None else problem.slug,
            detail=None if problem is None else problem.detail,
        )
        account(self.services, answered, self.when_sent)
