"""GET /models: what is served, what it is, and what failed and why."""

from __future__ import annotations

from typing import Any, cast

from flask import Blueprint, Response, jsonify

from app.api.answers import Models, ModelState, ModelStatus, ModelVersions, Shadow
from app.api.services import services
from app.serving import client
from app.serving.errors import ModelNotFound

blueprint = Blueprint("models", __name__, url_prefix="/models")

# Where a model lies on the server's disk is nobody's business outside.
_PRIVATE = frozenset({"folder", "path"})


@blueprint.get("")
def list_models() -> Response:
    """List every model and version of the repository."""
    answer: Models = {"models": [_as_json(model) for model in services().client.models()]}
    return jsonify(answer)


@blueprint.get("/<name>")
def show_model(name: str) -> Response:
    """Show the versions of one model."""
    models = services().client.models()
    versions = [_as_json(model) for model in models if model.name == name]
    if not versions:
        raise ModelNotFound(name, sorted({model.name for model in models}))
    answer: ModelVersions = {"name": name, "versions": versions}
    return jsonify(answer)


def state_of(model: client.ModelStatus) -> ModelState:
    """Return how far a model has come."""
    state = cast(Any, model.state)
    return {"name": model.name, "version": model.version, "state": state}


def _shadow(model: client.ModelStatus) -> Shadow | None:
    if model.shadow is None:
        return None
    counts = {name: model.shadow[name] for name in Shadow.__annotations__}
    return cast(Shadow, counts)


def _as_json(model: client.ModelStatus) -> ModelStatus:
    status: ModelStatus = {
        "name": model.name,
        "version": model.version,
        "state": state_of(model)["state"],
        "error": model.error,
        "kind": model.kind,
        "face": model.face,
        "version_labels": [*model.version_labels],
        "split": model.split,
        "share": model.share,
        "shadow": _shadow(model),
        "default": model.is_default,
        "loaded_s": model.loaded_s,
    }
    told = {key: value for key, value in model.description.items() if key not in _PRIVATE}
    return cast(ModelStatus, status | told)
