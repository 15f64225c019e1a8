"""The twin of `Client` whose calls are awaited, under asyncio."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, overload

import httpx

from slipway_client import asking
from slipway_client.asking import Call, Reply, Request, Terms
from slipway_client.errors import SlipwayError
from slipway_client.inputs import Asked, Given, body_of
from slipway_client.log import Filters, LoggedRow, read_page
from slipway_client.many import Outcome, outcomes_awaited
from slipway_client.results import Answer, Model, read_models

A = TypeVar("A", bound=Answer)


class AsyncClient:
    """Asks the server at `url`; arguments and methods are those of `Client`."""

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
        self._http = httpx.AsyncClient(**asking.http_options(url, token, verify))

    @overload
    async def predict(
        self, given: Given, *, expect: None = None, **asked: Unpack[Asked]
    ) -> Answer: ...

    @overload
    async def predict(self, given: Given, *, expect: type[A], **asked: Unpack[Asked]) -> A: ...

    async def predict(
        self, given: Given, *, expect: type[Any] | None = None, **asked: Unpack[Asked]
    ) -> Any:
        """Return what a model says of a picture or of values."""
        body = await asyncio.to_thread(body_of, given)
        return asking.predicted(await self._send(asking.prediction(body, asked)), body, expect)

    @overload
    def predict_many(
        self,
        items: Iterable[Given],
        *,
        concurrency: int = 8,
        progress: bool = True,
        expect: None = None,
        **asked: Unpack[Asked],
    ) -> AsyncIterator[Outcome[Answer]]: ...

    @overload
    def predict_many(
        self,
        items: Iterable[Given],
        *,
        concurrency: int = 8,
        progress: bool = True,
        expect: type[A],
        **asked: Unpack[Asked],
    ) -> AsyncIterator[Outcome[A]]: ...

    def predict_many(
        self,
        items: Iterable[Given],
        *,
        concurrency: int = 8,
        progress: bool = True,
        expect: type[Any] | None = None,
        **asked: Unpack[Asked],
    ) -> AsyncIterator[Outcome[Any]]:
        """Yield the outcome of each item, in their order; an item that failed has its error."""

        async def ask(given: Given) -> Any:
            return await self.predict(given, expect=expect, **asked)

        return outcomes_awaited(ask, items, concurrency=concurrency, progress=progress)

    async def models(self) -> tuple[Model, ...]:
        """Return what the server's repository holds, what failed too."""
        return read_models((await self._send(Request("GET", "/models"))).json())

    async def feedback(
        self,
        prediction_id: str,
        *,
        class_id: int | None = None,
        label: str | None = None,
        truth: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Tell the server what would have been right, by one of the three; return its answer."""
        reply = await self._send(asking.feedback(prediction_id, class_id, label, truth))
        return dict(reply.json())

    async def predictions(self, **filters: Unpack[Filters]) -> AsyncIterator[LoggedRow]:
        """Yield the rows of the prediction log that are meant, the newest first."""
        cursor: str | None = None
        while True:
            reply = await self._send(asking.log_page(filters, cursor))
            rows, cursor = read_page(reply.json())
            for row in rows:
                yield row
            if cursor is None:
                return

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _send(self, request: Request) -> Reply:
        call = Call(request, self._terms)
        while True:
            try:
                return call.checked(await self._exchange(call))
            except SlipwayError as error:
                pause_s = call.pause_s(error)
            await asyncio.sleep(pause_s)

    async def _exchange(self, call: Call) -> Reply:
        has_begun = False
        try:
            async with asyncio.timeout(call.left_s()):
                async with self._http.stream(**call.arguments()) as response:
                    has_begun = True
                    content = await response.aread()
        except httpx.HTTPError as error:
            raise call.unanswered(error, has_begun=has_begun) from error
        except TimeoutError as error:
            raise call.too_late() from error
        return Reply(response.status_code, response.headers, content)
