"""`/v2/repository`: which models there are, and those that are told to load or to serve no more.

As the protocol's model repository extension has it, which Triton and KServe speak. Whoever reaches
the port could stop a model, so that nobody may tell one anything unless MODEL_CONTROL is on.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from app.api import inputs, strict_json
from app.api.exchange import Answer, Exchange, add_route, json_answer
from app.api.predicting import Deadline
from app.api.problems import ProblemError
from app.api.v2 import answers

#: What is sent by POST and asks for no prediction.
ENDPOINTS = frozenset({"v2.repository_index", "v2.load_model", "v2.unload_model"})

# What a browser says of a request that no other site's page has made.
_OWN_SITES = ("none", "same-origin")
_AS_IT_LIES = "a model is loaded as it lies in the repository"
# There is nothing whose type could be told.
_DONE = Answer(b"", content_type=None)


def register(blueprint: Blueprint) -> None:
    """Add the routes."""
    add_route(blueprint, "/repository/index", repository_index)
    add_route(blueprint, "/repository/models/<name>/load", load_model)
    add_route(blueprint, "/repository/models/<name>/unload", unload_model)


def repository_index(exchange: Exchange) -> Answer:
    """List every model and version of the repository, and how far each has come."""
    document = _document(exchange)
    is_ready_alone = document.pop("ready", False)
    if not isinstance(is_ready_alone, bool):
        raise _unfit("ready", is_ready_alone, "true or false is expected")
    _refuse(document, "")
    listed = answers.index(exchange.services.client.models())
    return json_answer([one for one in listed if one["state"] == "READY" or not is_ready_alone])


def load_model(exchange: Exchange, name: str) -> Answer:
    """Look at a model's folder now, and answer when what is to be served of it serves."""
    _check_allowed(exchange)
    _refuse(_parameters(exchange), _AS_IT_LIES)
    exchange.services.client.load_model(name, _timeout_s(exchange, name))
    return _DONE


def unload_model(exchange: Exchange, name: str) -> Answer:
    """Have a model serve no more, until it is told to load or the server starts anew."""
    _check_allowed(exchange)
    parameters = _parameters(exchange)
    has_dependents = parameters.pop("unload_dependents", False)
    if not isinstance(has_dependents, bool):
        raise _unfit("unload_dependents", has_dependents, "true or false is expected")
    _refuse(parameters, "")
    exchange.services.client.unload_model(name, _timeout_s(exchange, name))
    return _DONE


def _check_allowed(exchange: Exchange) -> None:
    if exchange.services.serving.model_control != "on":
        detail = "MODEL_CONTROL is 'off': with 'on' models may be told to load and to unload"
        raise ProblemError("model-control-refused", detail)
    site = exchange.request.headers.get("Sec-Fetch-Site", "none")
    if site not in _OWN_SITES:
        detail = f"header 'Sec-Fetch-Site' is {site!r}: another site's page controls no models"
        raise ProblemError("model-control-refused", detail, field="Sec-Fetch-Site", value=site)


def _document(exchange: Exchange) -> dict[str, Any]:
    """Return the body, which may be empty; raises ProblemError."""
    body = inputs.unpacked(exchange.request)
    document = strict_json.parse(body) if body.strip() else {}
    if not isinstance(document, dict):
        raise ProblemError("invalid-input", "the body has to be an object")
    return document


def _parameters(exchange: Exchange) -> dict[str, Any]:
    document = _document(exchange)
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


def _timeout_s(exchange: Exchange, name: str) -> float:
    timeout_s = Deadline.of(exchange).ask((name, None)).timeout_s
    return timeout_s if timeout_s is not None else exchange.services.serving.inference_timeout_s
