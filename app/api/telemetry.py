"""What the HTTP side counts. The numbers of all workers are added up, and nginx's.

With PROMETHEUS_MULTIPROC_DIR in the environment, prometheus-client keeps each process's values in
files of that folder and a scrape merges them; `app.hosting` makes it empty at every start. What
the inference process knows is asked at the scrape instead of being counted here.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterator, Mapping
from functools import cache, partial
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Summary,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from app.api.counted import request_counter
from app.api.drift_metrics import DriftMetrics
from app.api.log_metrics import LogMetrics
from app.api.settings import METRICS_FOLDER_VARIABLE
from app.api.split_metrics import split_metrics
from app.records.drift.verdicts import noted
from app.records.errors import REASONS
from app.records.outbox import Outbox
from app.serving.client import InferenceClient
from app.serving.errors import ServingError

_READS, _PAUSE_S = 20, 0.01
_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60)


class Telemetry:
    """The metrics of one application; `scrape` gives them in Prometheus' text format."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        # By their labels: to look them up takes longer than to count.
        self._request_counts = cache(request_counter(self._registry).labels)
        self.requests_in_flight = Gauge(
            "slipway_http_requests_in_flight",
            "HTTP requests being handled, health checks and scrapes aside.",
            multiprocess_mode="livesum",
            registry=self._registry,
        )
        stages = Histogram(
            "slipway_prediction_stage_seconds",
            "Time a prediction spent in a stage: decode, queue, inference or encode.",
            ("model", "stage"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        # Two samples a version, where stages have sixty: versions come and go.
        versions = Summary(
            "slipway_version_inference_seconds",
            "Time a prediction spent in the pass of the version that answered.",
            ("model", "version"),
            registry=self._registry,
        )
        instances = Counter(
            "slipway_instances_found_total",
            "Instances found in pictures.",
            ("model", "label"),
            registry=self._registry,
        )
        self._stages, self._instances = cache(stages.labels), cache(instances.labels)
        self._versions = cache(versions.labels)
        self._declare_records()

    def _declare_records(self) -> None:
        """Declare what is counted of the prediction log."""
        lost = Counter(
            "slipway_prediction_log_rows_lost_total",
            "Rows that could not be put on record: full, disk_full, damaged, slow or failed.",
            ("reason",),
            registry=self._registry,
        )
        inputs = Counter(
            "slipway_inputs_total",
            "Inputs that were to be kept: kept, or dropped as full, large or failed.",
            ("outcome",),
            registry=self._registry,
        )
        self._lost, self._inputs = cache(lost.labels), cache(inputs.labels)
        # What appears only with its first count has not risen, to who watches how much it does.
        for reason in REASONS:
            self._lost(reason)
        feedback = Counter(
            "slipway_feedback_total",
            "Truths that were told of predictions: yes, no or unknown, whether these agree.",
            ("model", "version", "agrees"),
            registry=self._registry,
        )
        self._feedback = cache(feedback.labels)

    def count_request(self, method: str, route: str, status: int) -> None:
        """Count a request that is answered."""
        self._request_counts(method, route, str(status)).inc()

    def count(
        self,
        model: str,
        version: int,
        timing_ms: Mapping[str, float],
        instances: Mapping[str, int],
    ) -> None:
        """Count a prediction: the milliseconds of its stages, its instances by their labels."""
        self._versions(model, str(version)).observe(timing_ms["inference"] / 1000)
        for stage, value in timing_ms.items():
            self._stages(model, stage).observe(value / 1000)
        for label, count in instances.items():
            self._instances(model, label).inc(count)

    def count_lost(self, rows: int, reason: str) -> None:
        """Count rows that the prediction log could not keep."""
        self._lost(reason).inc(rows)

    def count_input(self, outcome: str) -> None:
        """Count an input that was to be kept."""
        self._inputs(outcome).inc()

    def count_feedback(self, model: str, version: str, agrees: bool | None) -> None:
        """Count a truth of a prediction; the model is "" where this log has not the prediction."""
        told = {True: "yes", False: "no", None: "unknown"}[agrees]
        self._feedback(model, version, told).inc()

    def scrape(self, client: InferenceClient, records: Outbox | None = None) -> bytes:
        """Return every metric, those of all worker processes added up."""
        for left in reversed(range(_READS)):
            try:
                return self._scrape(client, records)
            except (struct.error, RuntimeError, ValueError):
                # A worker is just making a file of its counts, which has nothing in it at first.
                if not left:
                    raise
                time.sleep(_PAUSE_S)
        raise AssertionError

    def _scrape(self, client: InferenceClient, records: Outbox | None) -> bytes:
        registry = CollectorRegistry()
        folder = os.environ.get(METRICS_FOLDER_VARIABLE)
        if folder:
            _forget_dead_processes(Path(folder))
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        else:
            registry.register(self._registry)
        registry.register(_Inference(client))
        if records is not None:
            registry.register(LogMetrics(records))
            registry.register(DriftMetrics(partial(noted, records.path)))
        return generate_latest(registry)


class _Inference(Collector):
    """What the inference process says of itself at the moment of the scrape."""

    def __init__(self, client: InferenceClient) -> None:
        self._client = client

    def collect(self) -> Iterator[Metric]:
        try:
            models, trouble = self._client.models(), self._client.trouble()
        except ServingError:
            yield GaugeMetricFamily(
                "slipway_inference_up", "1 while the inference process answers.", 0
            )
            return
        yield GaugeMetricFamily("slipway_inference_up", "1 while the inference process answers.", 1)
        yield GaugeMetricFamily(
            "slipway_repository_up",
            "1 while the model repository can be read, and mirrored where it is a bucket.",
            float(trouble is None),
        )
        ready = GaugeMetricFamily(
            "slipway_model_ready",
            "1 for a model that serves, 0 for one that is loading, failed or was unloaded.",
            labels=("model", "version"),
        )
        # A version that is loaded anew is there twice for as long as that takes.
        states: dict[tuple[str, str], bool] = {}
        for model in models:
            key = model.name, str(model.version)
            states[key] = states.get(key, False) or model.state == "ready"
        for key, is_ready in states.items():
            ready.add_metric(key, float(is_ready))
        yield ready
        yield from split_metrics(models)


def _forget_dead_processes(folder: Path) -> None:
    """Drop the in-flight counts of workers that are gone: they would stay for ever."""
    for path in folder.glob("gauge_live*_*.db"):
        pid = int(path.stem.rpartition("_")[2])
        if not Path(f"/proc/{pid}").exists():
            mark_process_dead(pid)  # type: ignore[no-untyped-call]
