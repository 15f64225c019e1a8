"""The page where a person drops pictures, and the samples that it offers.

The page is `templates/page.html` and plain files from `static/`: no build step, and nothing from
any other host. Its policy lets the browser load and run those files and nothing else.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import PurePath
from urllib.parse import quote

from flask import Blueprint, Response, jsonify, make_response, render_template, send_file

from app.api.answers import Sample, Samples
from app.api.problems import ProblemError
from app.api.services import services

blueprint = Blueprint("pages", __name__)

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        # No text ever becomes markup or code: the browser refuses to try.
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)


@blueprint.get("/")
def page() -> Response:
    """Return the page; it knows how large a photo may be, and so need not upload a larger one."""
    limits = services().limits.picture
    text = render_template("page.html", max_bytes=limits.max_bytes, max_pixels=limits.max_pixels)
    return guarded(text)


def guarded(text: str) -> Response:
    """Return a page that the browser lets nothing but this server's files into."""
    response = make_response(text)
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Cache-Control"] = "no-cache"
    return response


@blueprint.get("/samples")
def list_samples() -> Response:
    """List the sample pictures that lie with the models."""
    # Of several versions the highest, which is the last.
    by_model = {one.name: one.samples for one in services().client.models()}
    listed: list[Sample] = [
        {
            "model": model,
            "name": PurePath(name).stem,
            "url": f"/samples/{quote(model)}/{quote(name)}",
        }
        for model, names in by_model.items()
        for name in names
    ]
    answer: Samples = {"samples": listed}
    return jsonify(answer)


@blueprint.get("/samples/<model>/<name>")
def show_sample(model: str, name: str) -> Response:
    """Return one sample picture."""
    content = services().client.sample(model, name)
    if content is None:
        raise ProblemError("sample-not-found", f"there is no sample {name!r} of model {model!r}")
    digest = hashlib.sha256(content).hexdigest()
    return send_file(io.BytesIO(content), download_name=name, max_age=3600, etag=digest)
