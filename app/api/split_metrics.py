"""What the metrics say of versions that share requests, and of shadows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from app.serving.client import ModelStatus

_LABELS = ("model", "version")
_COUNTED = {
    "predictions": "Predictions that a shadow made of copies of requests.",
    "failures": "Requests that a shadow could not predict for.",
    "differences": "Predictions of a shadow that are not what was answered.",
    "dropped": "Requests that there was no time to ask a shadow for.",
}


def split_metrics(models: Sequence[ModelStatus]) -> Iterator[Metric]:
    """Yield a metric for each thing that is told of shares and of shadows."""
    # A version that is loaded anew is there twice for as long as that takes.
    shares: dict[tuple[str, str], float] = {}
    for model in models:
        if model.share is not None:
            key = model.name, str(model.version)
            shares[key] = max(shares.get(key, 0.0), model.share / 100)
    share = GaugeMetricFamily(
        "slipway_version_share",
        "Of the requests that name no version, the part that a version answers.",
        labels=_LABELS,
    )
    for key, value in shares.items():
        share.add_metric(key, value)
    yield share
    yield from _of_shadows({(one.name, str(one.version)): one for one in models if one.shadow})


def _of_shadows(shadows: dict[tuple[str, str], ModelStatus]) -> Iterator[Metric]:
    counted = {name: (one.shadow or {}) for name, one in shadows.items()}
    for what, text in _COUNTED.items():
        counter = CounterMetricFamily(f"slipway_shadow_{what}", text, labels=_LABELS)
        for key, tally in counted.items():
            counter.add_metric(key, tally[what])
        yield counter
    took = HistogramMetricFamily(
        "slipway_shadow_seconds",
        "Time of the passes that a shadow's predictions are in.",
        labels=_LABELS,
    )
    for key, tally in counted.items():
        bounds = [str(float(bound)) for bound in tally["seconds_bounds"]]
        buckets = [*zip(bounds, tally["seconds_counts"], strict=True)]
        took.add_metric(key, [*buckets, ("+Inf", tally["predictions"])], tally["seconds_sum"])
    yield took
