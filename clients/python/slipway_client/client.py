"""A client whose calls block; threads may share one."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, overload

import httpx

from slipway_client import asking
from slipway_client.asking import Call, Reply, Request, Terms
from slipway_client.errors import SlipwayError
from slipway_client.inputs import Asked, Given, body_of
from slipway_client.log import Filters, LoggedRow, read_page
from slipway_client.many import Outcome, outcomes
from slipway_client.results import Answer, Model, read_models

A = TypeVar("A", bound=Answer)


class Client:
    """Asks the server at `url`.

    Args:
        token: sent as a bearer token.
        timeout_s: how long a call may take, with all its tries; the server is told.
        retries: how often a call is tried again where the server was busy or away.
        verify: False, or a context of one's own, for certificates that are not public.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        timeout_s: float = 60.0,
        retries: int = 5,
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        self._terms = Terms(timeout_s, retries)
        self._http = httpx.Client(**asking.http_options(url, token, verify))

    @overload
    def predict(self, given: Given, *, expect: None = None, **asked: Unpack[Asked]) -> Answer: ...

    @overload
    def predict(self, given: Given, *, expect: type[A], **asked: Unpack[Asked]) -> A: ...

    def predict(
        self, given: Given, *, expect: type[Any] | None = None, **asked: Unpack[Asked]
    ) -> Any:
        """Return what a model says of a picture or of values.

        `expect`, as `Detections`, is the type of the answer, for a type checker and held to. Raises
        SlipwayError, and OSError, TypeError or ValueError for what cannot be sent.
        """
        body = body_of(given)
        return asking.predicted(self._send(asking.prediction(body, asked)), body, expect)

    @overload
    def predict_many(
        self,
        items: Iterable[Given],
        *,
        concurrency: int = 8,
        progress: bool = True,
        expect: None = None,
        **asked: Unpack[Asked],
    ) -> Iterator[Outcome[Answer]]: ...

    @overload
    def predict_many(
        self,
        items: Iterable[Given],
        *,
        concurrency: int = 8,
        progress: bool = True,
        expect: type[A],
        **asked: Unpack[Asked],
    ) -> Iterator[Outcome[A]]: ...

    def predict_many(
        self,
        items: Iterable[Given],
        *,
        concurrency: int = 8,
        progress: bool = True,
        expect: type[Any] | None = None,
        **asked: Unpack[Asked],
    ) -> Iterator[Outcome[Any]]:
        """Yield the outcome of each item, in their order; an item that failed has its error.

        `progress` shows a bar on a terminal, where rich is installed.
        """

        def ask(given: Given) -> Any:
            return self.predict(given, expect=expect, **asked)

        return outcomes(ask, items, concurrency=concurrency, progress=progress)

    def models(self) -> tuple[Model, ...]:
        """Return what the server's repository holds, what failed too."""
        return read_models(self._send(Request("GET", "/models")).json())

    def feedback(
        self,
        prediction_id: str,
        *,
        class_id: int | None = None,
        label: str | None = None,
        truth: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Tell the server what would have been right, by one of the three; return its answer."""
        reply = self._send(asking.feedback(prediction_id, class_id, label, truth))
        return dict(reply.json())

    def predictions(self, **filters: Unpack[Filters]) -> Iterator[LoggedRow]:
        """Yield the rows of the prediction log that are meant, the newest first; a page at a time.

        The log is open to whom the server allows it. Raises SlipwayError.
        """
        cursor: str | None = None
        while True:
            rows, cursor = read_page(self._send(asking.log_page(filters, cursor)).json())
            yield from rows
            if cursor is None:
                return

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _send(self, request: Request) -> Reply:
        call = Call(request, self._terms)
        while True:
            try:
                return call.checked(self._exchange(call))
            except SlipwayError as error:
                time.sleep(call.pause_s(error))

    def _exchange(self, call: Call) -> Reply:
        has_begun, content = False, bytearray()
        try:
            with self._http.stream(**call.arguments()) as response:
                has_begun = True
                for chunk in response.iter_bytes():
                    call.left_s()
                    content += chunk
        except httpx.HTTPError as error:
            raise call.unanswered(error, has_begun=has_begun) from error
        return Reply(response.status_code, response.headers, bytes(content))
