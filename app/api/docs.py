"""The contract: GET /openapi.json for programs, GET /docs for programmers.

The page is written from the document by the server: it needs no script to be read, and nothing
from any other host. Its script fills in this server's address and lets requests be tried.
"""

from __future__ import annotations

from typing import Any, cast

from flask import Blueprint, Response, current_app, jsonify, make_response, render_template

from app.api.contract import page
from app.api.contract.document import build
from app.api.contract.refusals import refusal
from app.api.contract.snippets import ORIGIN
from app.api.problems import ProblemError
from app.api.services import services

blueprint = Blueprint("docs", __name__)

_NAME = "slipway.contract"
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)


def contract() -> dict[str, Any]:
    """Return the OpenAPI document of the current application, made when first asked for."""
    kept = current_app.extensions
    if _NAME not in kept:
        kept[_NAME] = build(cast(Any, current_app)._get_current_object(), services())
    return cast(dict[str, Any], kept[_NAME])


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """Return the contract: this document."""
    return jsonify(contract())


@blueprint.get("/docs")
def docs() -> Response:
    """Return the contract as a page."""
    document = contract()
    text = render_template(
        "docs.html",
        document=document,
        groups=page.groups(document),
        problems=page.problems(document),
        schemas=page.schemas(document),
        origin=ORIGIN,
    )
    return _guarded(text)


@blueprint.get("/problems/<slug>")
def show_problem(slug: str) -> Response:
    """Tell what a problem is: the `type` of each leads here."""
    try:
        problem = refusal(slug)
    except KeyError:
        detail = f"there is no problem {slug!r}"
        raise ProblemError("problem-not-found", detail, field="slug", value=slug) from None
    groups = page.groups(contract())
    operations = [
        operation
        for group in groups
        for operation in group.operations
        if slug in (named for _, named in operation.problems)
    ]
    example = page.pretty(problem)
    return _guarded(
        render_template("problem.html", problem=problem, example=example, operations=operations)
    )


def _guarded(text: str) -> Response:
    response = make_response(text)
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Cache-Control"] = "no-cache"
    return response
