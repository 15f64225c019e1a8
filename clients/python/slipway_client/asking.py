"""A call of the server without the network: what is sent, what comes back, when to ask again.

`Client` and `AsyncClient` do the sending and the waiting, each in its own way, and nothing else.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from slipway_client import log
from slipway_client.errors import (
    AnswerError,
    Problem,
    SlipwayError,
    TooLateError,
    UnreachableError,
    problem_of,
)
from slipway_client.inputs import Asked, Body, json_body, query_of
from slipway_client.results import Answer, read_answer

A = TypeVar("A", bound=Answer)

_TIMEOUT_HEADER = "X-Request-Timeout"
_SHORTEST_TIMEOUT_S = 0.001
_LONGEST_CONNECT_S = 10.0
# Before the n-th further try up to 0.1 s · 2ⁿ, at most 5 s, by chance: many clients that were
# refused together do not come back together.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0
# Nothing has left this machine yet.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
# The connection's fault, and not that of what is sent.
_OF_CONNECTION = (*_NOT_SENT, httpx.NetworkError, httpx.RemoteProtocolError)


@dataclass(frozen=True, eq=False)
class Request:
    """What is sent; `is_repeatable` where doing it twice is as good as once."""

    method: str
    path: str
    query: Mapping[str, str] | None = None
    body: Body | None = None
    is_repeatable: bool = True


@dataclass(frozen=True, eq=False)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        """Return its document; raises AnswerError where it is none."""
        try:
            return json.loads(self.content)
        except ValueError as error:
            raise AnswerError(f"the answer is no JSON: {self.content[:80]!r}") from error


class Terms:
    """How long and how often a client asks, and the longest time that its server allows."""

    def __init__(self, timeout_s: float, retries: int) -> None:
        if not timeout_s > 0:
            raise ValueError(f"timeout_s is {timeout_s!r}: a number of seconds above 0 is allowed")
        if retries < 0:
            raise ValueError(f"retries is {retries!r}: 0 or more are allowed")
        self.timeout_s, self.retries = timeout_s, retries
        self.longest_s = float("inf")


class Call:
    """One request until it is answered, or its time or its tries are used up."""

    def __init__(self, request: Request, terms: Terms) -> None:
        self._request, self._terms = request, terms
        self._deadline = time.monotonic() + terms.timeout_s
        self._tries, self._told_s = 0, float("inf")

    def left_s(self) -> float:
        """Return how much time is left; raises TooLateError where none is."""
        left_s = self._deadline - time.monotonic()
        if left_s <= 0:
            raise self.too_late()
        return left_s

    def too_late(self) -> TooLateError:
        """Return the error of a call whose time is over."""
        return TooLateError(f"there was no answer within {self._terms.timeout_s:g} s")

    def arguments(self) -> dict[str, Any]:
        """Return what httpx is to send, with the time that is left."""
        left_s = self.left_s()
        self._told_s = max(_SHORTEST_TIMEOUT_S, min(left_s, self._terms.longest_s))
        headers = {_TIMEOUT_HEADER: f"{self._told_s:.3f}"}
        body = self._request.body
        if body is not None:
            headers["Content-Type"] = body.content_type
        return {
            "method": self._request.method,
            "url": self._request.path,
            "params": self._request.query,
            "content": None if body is None else body.content,
            "headers": headers,
            "timeout": httpx.Timeout(left_s, connect=min(left_s, _LONGEST_CONNECT_S)),
        }

    def checked(self, reply: Reply) -> Reply:
        """Return an answer that is none of an error; raises SlipwayError for others."""
        if reply.status >= 400:
            raise problem_of(reply.status, reply.headers, reply.content)
        if reply.status >= 300:
            where = reply.headers.get("Location", "elsewhere")
            raise AnswerError(f"the server says to ask at {where}")
        return reply

    def unanswered(self, error: httpx.HTTPError, *, has_begun: bool) -> SlipwayError:
        """Return the error of a connection that failed; `has_begun`: within the answer."""
        is_late = isinstance(error, httpx.TimeoutException) and not isinstance(error, _NOT_SENT)
        if is_late or time.monotonic() >= self._deadline:
            return self.too_late()
        faults = _OF_CONNECTION if self._request.is_repeatable else _NOT_SENT
        may_repeat = not has_begun and isinstance(error, faults)
        told = str(error) or type(error).__name__
        when = "the connection broke within the answer" if has_begun else "there was no answer"
        return UnreachableError(f"{when}: {told}", Problem(is_temporary=may_repeat))

    def pause_s(self, error: SlipwayError) -> float:
        """Return how long to wait before asking again; raises the error where that is of no use."""
        if self._is_about_time(error):
            return 0.0
        may_repeat = error.problem.is_temporary and (
            self._request.is_repeatable or error.status != 502
        )
        if not may_repeat or self._tries >= self._terms.retries:
            raise error
        after_s = error.problem.retry_after_s
        most_s = max(min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2**self._tries), after_s / 2)
        pause_s = after_s + random.uniform(0, most_s)
        if pause_s >= self._deadline - time.monotonic():
            raise error
        self._tries += 1
        return pause_s

    def _is_about_time(self, error: SlipwayError) -> bool:
        """Say whether the server allows less time than was asked for; it is asked less then."""
        limit = error.problem.document.get("limit")
        if error.field != _TIMEOUT_HEADER or not isinstance(limit, int | float):
            return False
        self._terms.longest_s = float(limit)
        return self._terms.longest_s < self._told_s


def http_options(url: str, token: str | None, verify: Any) -> dict[str, Any]:
    """Return how both of httpx's clients are made."""
    headers = {"Accept": "application/json", "User-Agent": "slipway-client"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    # As many connections as there are callers: `concurrency` and the server bound them.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
    return {"base_url": url, "headers": headers, "verify": verify, "limits": limits}


def prediction(body: Body, asked: Asked) -> Request:
    """Return the request of a prediction."""
    return Request("POST", "/predict", query_of(asked), body)


def predicted(reply: Reply, body: Body, expect: type[Any] | None) -> Any:
    """Return the answer to a prediction; raises AnswerError where another one was expected."""
    answer = read_answer(reply.json(), reply.headers.get("X-Request-ID"), body.picture)
    if expect is not None and not isinstance(answer, expect):
        found = f"model {answer.model} answers with {type(answer).__name__}"
        raise AnswerError(f"{found}, not with {expect.__name__}")
    return answer


def feedback(
    prediction_id: str,
    class_id: int | None,
    label: str | None,
    truth: Mapping[str, Any] | None,
) -> Request:
    """Return the request that tells what would have been right; raises ValueError."""
    given = {"class_id": class_id, "label": label}
    told = {name: value for name, value in given.items() if value is not None}
    if len(told) + (truth is not None) != 1:
        raise ValueError("give one of class_id, label and truth")
    document = {"prediction_id": prediction_id, "truth": told or truth}
    # Twice would be two truths.
    return Request("POST", "/feedback", body=json_body(document), is_repeatable=False)


def log_page(filters: log.Filters, cursor: str | None) -> Request:
    """Return the request of a page of the prediction log."""
    place = {} if cursor is None else {"cursor": cursor}
    return Request("GET", "/predictions", log.query_of(filters) | place)
