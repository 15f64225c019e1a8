"""What the prediction log says of itself at the moment of a scrape, whoever has written it."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.records.errors import RecordsError
from app.records.outbox import Outbox
from app.records.state import State

_PREFIX = "slipway_prediction_log"


class LogMetrics(Collector):
    """Reads the file."""

    def __init__(self, records: Outbox) -> None:
        self._records = records

    def collect(self) -> Iterator[Metric]:
        try:
            state = self._records.state() if self._records.path.exists() else None
        except (RecordsError, OSError):
            yield GaugeMetricFamily(f"{_PREFIX}_up", "1 while the prediction log can be read.", 0)
            return
        yield GaugeMetricFamily(f"{_PREFIX}_up", "1 while the prediction log can be read.", 1)
        if state is not None:
            yield from _metrics(state)


def _metrics(state: State) -> Iterator[Metric]:
    yield GaugeMetricFamily(f"{_PREFIX}_rows", "Rows in the prediction log.", state.rows)
    yield GaugeMetricFamily(f"{_PREFIX}_bytes", "Bytes that they take.", state.bytes)
    yield CounterMetricFamily(
        f"{_PREFIX}_rows_written", "Rows that were ever put on record.", state.written
    )
    waiting = GaugeMetricFamily(
        f"{_PREFIX}_waiting_rows", "Rows that a sink has not confirmed.", labels=("sink",)
    )
    oldest = GaugeMetricFamily(
        f"{_PREFIX}_oldest_waiting_seconds", "The age of the oldest of them.", labels=("sink",)
    )
    shipped = CounterMetricFamily(
        f"{_PREFIX}_shipped_rows", "Rows that a sink has confirmed.", labels=("sink",)
    )
    for sink, one in state.sinks.items():
        waiting.add_metric((sink,), one.rows)
        oldest.add_metric((sink,), one.oldest_s)
        shipped.add_metric((sink,), one.shipped)
    if state.sinks:
        yield from (waiting, oldest, shipped)
