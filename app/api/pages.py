"""The page where a person drops a picture, and the samples that it offers.

The page is plain files from `static/`: no build step, and nothing from any other host.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from flask import Blueprint, Response, current_app, jsonify, send_file

from app.api.problems import ProblemError
from app.api.services import services
from app.serving.layout import find_models

blueprint = Blueprint("pages", __name__)

SAMPLE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")

_POLICY = "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'; base-uri 'none'"


@blueprint.get("/")
def page() -> Response:
    """Return the page."""
    response = current_app.send_static_file("index.html")
    response.headers["Content-Security-Policy"] = _POLICY
    return response


@blueprint.get("/samples")
def list_samples() -> Response:
    """List the sample pictures that lie with the models."""
    listed = [
        {"model": model, "name": path.stem, "url": f"/samples/{quote(model)}/{quote(path.name)}"}
        for model, paths in _samples().items()
        for path in paths
    ]
    return jsonify({"samples": listed})


@blueprint.get("/samples/<model>/<name>")
def show_sample(model: str, name: str) -> Response:
    """Return one sample picture."""
    for path in _samples().get(model, []):
        if path.name == name:
            return send_file(path.absolute(), max_age=3600)
    raise ProblemError("sample-not-found", f"there is no sample {name!r} of model {model!r}")


def _samples() -> dict[str, list[Path]]:
    """Return the pictures in each model's folder `samples`; none where nothing can be read."""
    try:
        models = find_models(services().settings.model_repository)
        return {model.name: _pictures(model.folder / "samples") for model in models}
    except OSError:
        return {}


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SAMPLE_SUFFIXES)
