"""GET /openapi.json, the contract for programs."""

from __future__ import annotations

from typing import Any, cast

from flask import Blueprint, Response, current_app, jsonify

from app.api.contract.document import build
from app.api.services import services

blueprint = Blueprint("docs", __name__)

_NAME = "slipway.contract"


def contract() -> dict[str, Any]:
    """Return the OpenAPI document of the current application, made when first asked for."""
    kept = current_app.extensions
    if _NAME not in kept:
        kept[_NAME] = build(cast(Any, current_app)._get_current_object(), services().settings)
    return cast(dict[str, Any], kept[_NAME])


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """Return the contract: this document."""
    return jsonify(contract())
