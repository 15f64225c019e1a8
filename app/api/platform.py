"""The paths at which a platform asks whether the server is ready, and to which it sends pictures.

They are settings, since each platform has its own. What is behind them is /readyz and /predict.
"""

from __future__ import annotations

from flask import Flask

from app.api.settings import ApiSettings


def routes(settings: ApiSettings) -> dict[tuple[str, str], str]:
    """Return the method of each of the platform's paths that is not the server's own anyway.

    The key is the path, with the endpoint that answers there.
    """
    wanted = (
        (settings.health_route, "/readyz", "health.readyz", "GET"),
        (settings.predict_route, "/predict", "predict.predict", "POST"),
    )
    return {(path, name): method for path, own, name, method in wanted if path and path != own}


def register(app: Flask, settings: ApiSettings) -> None:
    """Add them to the application: before its own paths, so that the platform's count first."""
    for (path, endpoint), method in routes(settings).items():
        app.add_url_rule(path, endpoint, methods=[method])
