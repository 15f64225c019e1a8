"""The one metric that not only the application counts: nginx answers requests too."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

#: Anyone may send any word as a method; each would be a metric of its own.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def request_counter(registry: CollectorRegistry) -> Counter:
    """Return what counts the requests answered, by method, route and status."""
    return Counter(
        "slipway_http_requests_total",
        "HTTP requests answered.",
        ("method", "route", "status"),
        registry=registry,
    )
