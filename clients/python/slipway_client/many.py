"""Many inputs, some at once, answered in their order; one that fails does not stop the others."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from slipway_client.errors import SlipwayError
from slipway_client.inputs import Given
from slipway_client.progress import progress_of
from slipway_client.results import Answer

A = TypeVar("A", bound=Answer)
# What is wrong with one input, or with what the server said of it.
_OF_ONE = (SlipwayError, OSError, TypeError, ValueError)


@dataclass(frozen=True, eq=False)
class Outcome(Generic[A]):
    """What came of one input: an answer, or the error that there was instead."""

    given: Given
    answer: A | None = None
    error: Exception | None = None

    def result(self) -> A:
        """Return the answer; raises the error where there is none."""
        if self.answer is None:
            raise self.error or RuntimeError("there is neither an answer nor an error")
        return self.answer


def outcomes(
    ask: Callable[[Given], A], items: Iterable[Given], *, concurrency: int, progress: bool
) -> Iterator[Outcome[A]]:
    """Yield the outcome of each item in turn, asked for in threads."""

    def outcome(given: Given) -> Outcome[A]:
        try:
            return Outcome(given, ask(given))
        except _OF_ONE as error:
            return Outcome(given, error=error)

    threads = ThreadPoolExecutor(concurrency, "slipway-client")
    begun: deque[Future[Outcome[A]]] = deque()
    remaining = iter(items)
    try:
        with progress_of(items, is_wanted=progress) as advance:
            while True:
                # Beyond those at work: they begin while the first of them still takes its time.
                for given in islice(remaining, 2 * concurrency - len(begun)):
                    begun.append(threads.submit(outcome, given))
                if not begun:
                    return
                done = begun.popleft().result()
                advance(done.error is not None)
                yield done
    finally:
        threads.shutdown(cancel_futures=True)


async def outcomes_awaited(
    ask: Callable[[Given], Awaitable[A]],
    items: Iterable[Given],
    *,
    concurrency: int,
    progress: bool,
) -> AsyncIterator[Outcome[A]]:
    """Yield the outcome of each item in turn, asked for in tasks."""
    places = asyncio.Semaphore(concurrency)

    async def outcome(given: Given) -> Outcome[A]:
        try:
            async with places:
                return Outcome(given, await ask(given))
        except _OF_ONE as error:
            return Outcome(given, error=error)

    begun: deque[asyncio.Task[Outcome[A]]] = deque()
    remaining = iter(items)
    try:
        with progress_of(items, is_wanted=progress) as advance:
            while True:
                for given in islice(remaining, 2 * concurrency - len(begun)):
                    begun.append(asyncio.create_task(outcome(given)))
                if not begun:
                    return
                done = await begun[0]
                begun.popleft()
                advance(done.error is not None)
                yield done
    finally:
        for task in begun:
            task.cancel()
        await asyncio.gather(*begun, return_exceptions=True)
