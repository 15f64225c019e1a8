"""What a sink is: somewhere rows are sent to, which has them for good once `send` has returned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, eq=False, slots=True)
class Sent:
    """A row on its way.

    Args:
        seq: its place in the order of commits.
        values: by column; what it does not have is None or left out.
    """

    seq: int
    values: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows that are sent together, the oldest first.

    Args:
        log: the id of the file that they are from.
        position: the sink has all rows up to it; the same batch begins at the same one again.
        rows: that follow.
        is_full: there may be more behind them.
    """

    log: str
    position: int
    rows: Sequence[Sent]
    is_full: bool

    @property
    def end(self) -> int:
        """The position once the sink has them."""
        return self.rows[-1].seq if self.rows else self.position


@dataclass(frozen=True)
class Pace:
    """How much a sink takes at once, and how long rows may wait for others to come along."""

    rows: int
    bytes: int
    wait_s: float = 0.0


class SinkError(Exception):
    """Nothing of a batch is known to be taken; it is sent again. Its text is one line.

    Args:
        text: what is wrong.
        needs_somebody: trying again alone mends nothing.
        retry_after_s: when the sink wants to be asked again, where it says so.
    """

    def __init__(
        self, text: str, *, needs_somebody: bool = False, retry_after_s: float = 0.0
    ) -> None:
        super().__init__(" ".join(text.split()))
        self.needs_somebody, self.retry_after_s = needs_somebody, retry_after_s


class RowsRefusedError(Exception):
    """Nothing of a batch is taken, because of some of its rows.

    Args:
        reasons: by the place in the batch.
    """

    def __init__(self, reasons: Mapping[int, str]) -> None:
        super().__init__(f"{len(reasons)} rows")
        self.reasons = reasons


class Sink(Protocol):
    """Where the rows of one table go. For one thread."""

    name: str
    pace: Pace

    def send(self, batch: Batch) -> None:
        """Return once all rows are there for good; raises SinkError or RowsRefusedError."""
