"""`/v1/models/…`: the REST API of TensorFlow Serving."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

from flask import Blueprint, Response, jsonify, request
from werkzeug import Request

from app.api import predicting
from app.api.admission import Model
from app.api.exchange import Answer, Exchange, add_route, json_answer
from app.api.parameters import as_version, parse
from app.api.predicting import Deadline, Work
from app.api.problems import ProblemError
from app.api.services import services
from app.api.signatures import takes_values, with_signature
from app.api.v1 import examples, rows, status
from app.api.v1.rows import Rows
from app.kinds.face import Outcome, Parameters
from app.kinds.registry import faces
from app.serving.client import Ask, Chosen
from app.serving.errors import ModelNotFound, VersionNotFound

Made = TypeVar("Made")

blueprint = Blueprint("v1", __name__, url_prefix="/v1/models")


@blueprint.get("")
def list_names() -> Response:
    """List the models' names, as KServe's servers do."""
    return jsonify({"models": sorted({model.name for model in services().client.models()})})


def show_status(name: str, version: str | None = None, label: str | None = None) -> Response:
    """Show how far a model's versions have come."""
    wanted = _wanted(request, name, version, label)
    return jsonify(status.of(services().client.models(), wanted))


def show_metadata(name: str, version: str | None = None, label: str | None = None) -> Response:
    """Show what a model takes and gives."""
    wanted = _wanted(request, name, version, label)
    return jsonify(_found(wanted, lambda: status.metadata(services().client.choose(Ask(*wanted)))))


def predict(
    exchange: Exchange, name: str, version: str | None = None, label: str | None = None
) -> Answer:
    """Predict for each of `instances`, or for `inputs` that hold a batch each."""
    wanted = _wanted(exchange.request, name, version, label)
    document = rows.document(exchange.request)

    def answer(chosen: Chosen, deadline: Deadline) -> Answer:
        chosen = with_signature(chosen, rows.signature_name(document))
        sent = rows.read(document, chosen)
        asked = _parameters(document, chosen)
        made = _made(_work(exchange, chosen, wanted, deadline, sent, asked), asked, rows.plain)
        return json_answer(rows.answer(sent, list(made)))

    return _found(wanted, lambda: predicting.of_model(exchange, wanted, answer))


def classify(
    exchange: Exchange, name: str, version: str | None = None, label: str | None = None
) -> Answer:
    """Tell for each of `examples` the classes with their scores."""
    return _of_examples(exchange, _wanted(exchange.request, name, version, label), examples.classes)


def regress(
    exchange: Exchange, name: str, version: str | None = None, label: str | None = None
) -> Answer:
    """Tell a number for each of `examples`."""
    return _of_examples(exchange, _wanted(exchange.request, name, version, label), examples.number)


def _of_examples(exchange: Exchange, wanted: Model, task: examples.Task) -> Answer:
    document = rows.document(exchange.request)

    def answer(chosen: Chosen, deadline: Deadline) -> Answer:
        chosen = with_signature(chosen, rows.signature_name(document))
        make = task(chosen)
        asked = _parameters(document, chosen)
        work = _work(exchange, chosen, wanted, deadline, examples.read(document, chosen), asked)
        return json_answer({"results": list(_made(work, asked, make))})

    return _found(wanted, lambda: predicting.of_model(exchange, wanted, answer))


def _work(
    exchange: Exchange,
    chosen: Chosen,
    wanted: Model,
    deadline: Deadline,
    sent: Rows,
    asked: Parameters,
) -> Work:
    given = predicting.given_of(exchange, chosen, sent.values, sent.fields, ahead=True)
    told = asked.asked()
    if not sent.is_picture:
        told = {**told, "signature": chosen.facts["default_signature"]}
    return Work(exchange, chosen, wanted, told, deadline, given)


def _made(
    work: Work, asked: Parameters, make: Callable[[dict[str, Any] | None, Outcome], Made]
) -> Iterator[Made]:
    """Yield what is made of each prediction: of its members as a face tells them, or its arrays."""
    is_picture = not takes_values(work.chosen.facts)

    def whole(outcome: Outcome) -> Made:
        return make(work.face.members(outcome, asked) if is_picture else None, outcome)

    for one in predicting.found(work):
        made, *_ = predicting.recorded(work, one, partial(whole, one.outcome))
        yield made


def _parameters(document: dict[str, Any], chosen: Chosen) -> Parameters:
    """Return what is asked of a model of pictures in `parameters`: TensorFlow Serving has none."""
    face = faces()[chosen.face]
    given = document.get("parameters")
    if takes_values(chosen.facts) or not isinstance(given, dict):
        return face.parameters()
    return parse(face.parameters, [*given.items()])


def _wanted(request: Request, name: str, version: str | None, label: str | None) -> Model:
    number = as_version(version)
    # A colon begins the method: `…:explain` is none.
    if (version is not None and number is None) or ":" in name:
        raise ProblemError("bad-request", f"Malformed request: {request.method} {request.path}")
    return name, label or number


def _found(wanted: Model, work: Callable[[], Made]) -> Made:
    """Return what comes of the work; a model that is not there is told of in the API's words."""
    name, version = wanted
    try:
        return work()
    except (ModelNotFound, VersionNotFound) as error:
        if isinstance(version, str) and isinstance(error, VersionNotFound):
            raise status.unrecognised(version) from None
        which = f"Latest({name})" if version is None else f"Specific({name}, {version})"
        detail = f"Servable not found for request: {which}"
        raise ProblemError("model-not-found", detail, field="model", value=name) from None


_PLACES = (
    ("", "/<name>"),
    ("_version", "/<name>/versions/<version>"),
    ("_label", "/<name>/labels/<label>"),
)
#: The handlers that predict.
PREDICTING = (predict, classify, regress)
# The latest version of a model, one by its number, and one by a label.
for _suffix, _place in _PLACES:
    for _view, _tail in ((show_status, ""), (show_metadata, "/metadata")):
        blueprint.add_url_rule(_place + _tail, _view.__name__ + _suffix, _view)
    for _handler in PREDICTING:
        add_route(blueprint, f"{_place}:{_handler.__name__}", _handler, _handler.__name__ + _suffix)
