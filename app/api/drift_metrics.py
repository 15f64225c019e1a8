"""What the last look for drift found, for Prometheus: of the server, and in a file of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.records.drift.verdicts import Verdict


class DriftMetrics(Collector):
    """The gauges of verdicts, which are asked for at each scrape."""

    def __init__(self, verdicts: Callable[[], Iterable[Verdict]]) -> None:
        self._verdicts = verdicts

    def collect(self) -> Iterator[Metric]:
        version = ("model", "version")
        score = GaugeMetricFamily(
            "slipway_drift_score",
            "Distance of a column of the prediction log from the version's reference.",
            labels=(*version, "column"),
        )
        detected = GaugeMetricFamily(
            "slipway_drift_detected",
            "1 for a column that is farther from the reference than the threshold, else 0.",
            labels=(*version, "column"),
        )
        at = GaugeMetricFamily(
            "slipway_drift_report_timestamp_seconds",
            "When drift was last looked for, since 1970.",
            labels=version,
        )
        for verdict in self._verdicts():
            key = (verdict.model, verdict.version)
            at.add_metric(key, verdict.at / 1e6)
            for column, (distance, is_far) in verdict.columns.items():
                score.add_metric((*key, column), distance)
                detected.add_metric((*key, column), float(is_far))
        yield from (score, detected, at)
