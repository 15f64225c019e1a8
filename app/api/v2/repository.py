"""`/v2/repository`: which models there are, and those that are told to load or to serve no more.

As the protocol's model repository extension has it, which Triton and KServe speak. Whoever reaches
the port could stop a model, so that nobody may tell one anything unless MODEL_CONTROL is on.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from app.api import inputs, strict_json
from app.api.predicting import Deadline
from app.api.problems import ProblemError
from app.api.services import services
from app.api.v2 import answers

#: What is sent by POST and asks for no prediction.
ENDPOINTS = frozenset({"v2.repository_index", "v2.load_model", "v2.unload_model"})

# What a browser says of a request that no other site's page has made.
_OWN_SITES = ("none", "same-origin")
_AS_IT_LIES = "a model is loaded as it lies in the repository"


def register(blueprint: Blueprint) -> None:
    """Add the routes."""
    blueprint.post("/repository/index")(repository_index)
    blueprint.post("/repository/models/<name>/load")(load_model)
    blueprint.post("/repository/models/<name>/unload")(unload_model)


def repository_index() -> Response:
    """List every model and version of the repository, and how far each has come."""
    document = _document()
    is_ready_alone = document.pop("ready", False)
    if not isinstance(is_ready_alone, bool):
        raise _unfit("ready", is_ready_alone, "true or false is expected")
    _refuse(document, "")
    listed = answers.index(services().client.models())
    return jsonify([one for one in listed if one["state"] == "READY" or not is_ready_alone])


def load_model(name: str) -> Response:
    """Look at a model's folder now, and answer when what is to be served of it serves."""
    _check_allowed()
    _refuse(_parameters(), _AS_IT_LIES)
    services().client.load_model(name, _timeout_s(name))
    return _done()


def unload_model(name: str) -> Response:
    """Have a model serve no more, until it is told to load or the server starts anew."""
    _check_allowed()
    parameters = _parameters()
    has_dependents = parameters.pop("unload_dependents", False)
    if not isinstance(has_dependents, bool):
        raise _unfit("unload_dependents", has_dependents, "true or false is expected")
    _refuse(parameters, "")
    services().client.unload_model(name, _timeout_s(name))
    return _done()


def _check_allowed() -> None:
    if services().settings.model_control != "on":
        detail = "MODEL_CONTROL is 'off': with 'on' models may be told to load and to unload"
        raise ProblemError("model-control-refused", detail)
    site = request.headers.get("Sec-Fetch-Site", "none")
    if site not in _OWN_SITES:
        detail = f"header 'Sec-Fetch-Site' is {site!r}: another site's page controls no models"
        raise ProblemError("model-control-refused", detail, field="Sec-Fetch-Site", value=site)


def _document() -> dict[str, Any]:
    """Return the body, which may be empty; raises ProblemError."""
    body = inputs.unpacked(request)
    document = strict_json.parse(body) if body.strip() else {}
    if not isinstance(document, dict):
        raise ProblemError("invalid-input", "the body has to be an object")
    return document


def _parameters() -> dict[str, Any]:
    document = _document()
    parameters = document.pop("parameters", None) or {}
    _refuse(document, "")
    if not isinstance(parameters, dict):
        raise ProblemError("invalid-input", "parameters has to be an object")
    return parameters


def _refuse(others: dict[str, Any], why: str) -> None:
    """Refuse what is given and not taken."""
    for name in others:
        detail = f"there is no parameter {name!r} here" + (f": {why}" if why else "")
        raise ProblemError("invalid-parameter", detail, field=name)


def _unfit(name: str, value: object, allowed: str) -> ProblemError:
    detail = f"{name} is {value!r}: {allowed}"
    return ProblemError("invalid-parameter", detail, field=name, value=str(value))


def _timeout_s(name: str) -> float:
    timeout_s = Deadline.of_request().ask((name, None)).timeout_s
    return timeout_s if timeout_s is not None else services().settings.inference_timeout_s


def _done() -> Response:
    response = Response()
    # There is nothing whose type could be told.
    del response.headers["Content-Type"]
    return response
