"""A model that answers when its gate is open, and remembers its passes."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from app.kinds.kind import Signature
from app.kinds.tensors import Tensors
from app.serving.lane import Lane, Outcome, Place

INPUTS = {"x": np.zeros(4, np.float32)}


class Gate:
    """Each request has a `number`, and perhaps a `key`: those of one key may share a pass."""

    signature = Signature((), ())
    facts: dict[str, object] = {}  # noqa: RUF012 - read alone

    def __init__(self) -> None:
        self.is_open = threading.Event()
        self.passes: list[list[float]] = []
        self.error: BaseException | None = None
        self.fails_on: float | None = None
        self.delay_s = 0.0
        self.slow_s: dict[float, float] = {}
        self.answers_too_many = False

    @property
    def asked(self) -> list[float]:
        """The numbers of all passes, in their order."""
        return [number for one in self.passes for number in one]

    def describe(self) -> dict[str, object]:
        return {}

    def warm_up(self) -> None:
        pass

    def check(self, inputs: Tensors) -> None:
        pass

    def together(self, inputs: Tensors, asked: Mapping[str, Any]) -> Hashable | None:
        return asked.get("key")

    def predict(
        self, inputs: Sequence[Tensors], asked: Sequence[Mapping[str, Any]]
    ) -> list[Tensors]:
        numbers = [one["number"] for one in asked]
        self.passes.append(numbers)
        assert self.is_open.wait(10)
        time.sleep(self.delay_s + sum(self.slow_s.get(number, 0) for number in numbers))
        if self.error:
            raise self.error
        if self.fails_on in numbers:
            raise ValueError(f"number {self.fails_on}\nand more")
        answers = [{"y": one["x"] + number} for one, number in zip(inputs, numbers, strict=True)]
        return [*answers, *answers] if self.answers_too_many else answers


def run(place: Place, number: float, key: str | None = None) -> Outcome:
    """Wait for the turn of one prediction, and return what came of it; raises what went wrong."""
    (outcome,) = place.wait([INPUTS], {"number": number, "key": key}).found()
    return outcome


def lane_of(gate: Gate, *, limit: int, max_batch: int) -> Iterator[Lane]:
    """Yield the gate's lane; when it is closed the gate is open for what still waits."""
    lane = Lane("gate version 1", gate, limit=limit, max_batch=max_batch)
    yield lane
    gate.is_open.set()
    lane.close()
