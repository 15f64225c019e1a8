"""The settings of this room, and the name of the one that is prometheus-client's."""

from __future__ import annotations

from dataclasses import dataclass

from app.variables import route, variable

#: prometheus-client's own: where the processes of one server keep what they count.
METRICS_FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


@dataclass(frozen=True, kw_only=True)
class ApiSettings:
    """Paths that a platform has of its own."""

    health_route: str | None = variable(
        "HEALTH_ROUTE",
        "",
        route,
        "A path that is answered as /readyz is, for a platform that asks there.",
        alias="AIP_HEALTH_ROUTE",
    )
    predict_route: str | None = variable(
        "PREDICT_ROUTE",
        "",
        route,
        "A path that is answered as /predict is, for a platform that sends there.",
        alias="AIP_PREDICT_ROUTE",
    )
