"""`/v2`: the Open Inference Protocol, which KServe calls V2 and Triton speaks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Blueprint, Response, jsonify

from app.api import predicting
from app.api.admission import Model
from app.api.exchange import Answer, Exchange, add_route
from app.api.parameters import as_version, parse
from app.api.predicting import Deadline, Work
from app.api.problems import RETRY_AFTER_S, ProblemError
from app.api.services import services
from app.api.signatures import takes_values, with_signature
from app.api.v2 import answers, pictures, reading, repository
from app.api.v2.answers import Tensors
from app.api.v2.reading import Infer
from app.kinds.face import Outcome, Parameters
from app.kinds.registry import faces
from app.serving.client import Ask, Chosen

blueprint = Blueprint("v2", __name__, url_prefix="/v2")


@blueprint.get("")
def server() -> Response:
    """Name the server and what it has beside the protocol's least."""
    return jsonify(answers.server())


@blueprint.get("/health/live")
def live() -> Response:
    """Answer 200 as long as the HTTP side works, whatever the models do."""
    return jsonify({"live": True})


@blueprint.get("/health/ready")
def ready() -> Response:
    """Answer 200 when predictions can be made, else 503 with the reason."""
    if services().is_stopping():
        raise ProblemError("not-ready", "the server is stopping", retry_after_s=RETRY_AFTER_S)
    is_ready, reason = services().client.readiness()
    if not is_ready:
        raise ProblemError("not-ready", reason, retry_after_s=RETRY_AFTER_S)
    return jsonify({"ready": True})


def show_model(name: str, version: str | None = None) -> Response:
    """Show what a model takes and gives."""
    client = services().client
    chosen = client.choose(Ask(*_wanted(name, version)))
    versions = [one for one in client.models() if one.name == name]
    return jsonify(answers.model(chosen, versions))


def model_ready(name: str, version: str | None = None) -> Response:
    """Answer 200 when a model can be asked, else 503 with the reason."""
    chosen = services().client.choose(Ask(*_wanted(name, version)))
    return jsonify({"name": chosen.model, "ready": True})


def infer(exchange: Exchange, name: str, version: str | None = None) -> Answer:
    """Predict for each instance of a batch of tensors."""
    wanted = _wanted(name, version)
    sent = reading.read(exchange.request)

    def answer(chosen: Chosen, deadline: Deadline) -> Answer:
        chosen = with_signature(chosen, sent.signature)
        names = answers.wanted_outputs(sent, chosen)
        asked = _parameters(sent, chosen)
        if takes_values(chosen.facts):
            given = reading.instances(sent, chosen)
            told = {**asked.asked(), "signature": chosen.facts["default_signature"]}
            make: Callable[[Outcome], Tensors] = _outputs
        else:
            files, fields = pictures.files(sent, chosen)
            given = predicting.given_of(exchange, chosen, files, fields, ahead=True)
            told = asked.asked()
            make = partial(pictures.tensors, chosen.face, asked)
        work = Work(exchange, chosen, wanted, told, deadline, given)
        made = [
            predicting.recorded(work, one, partial(make, one.outcome))[0]
            for one in predicting.found(work)
        ]
        return answers.response(chosen, sent, answers.joined(made, chosen), names)

    return predicting.of_model(exchange, wanted, answer)


def _outputs(outcome: Outcome) -> Tensors:
    return dict(outcome.result)


def _parameters(sent: Infer, chosen: Chosen) -> Parameters:
    """Return what is asked of a model of pictures beside them."""
    face = faces()[chosen.face]
    given: dict[str, Any] = {} if takes_values(chosen.facts) else pictures.asked(sent, face)
    return parse(face.parameters, [*given.items()])


def _wanted(name: str, version: str | None) -> Model:
    number = as_version(version)
    if version is not None and number is None:
        detail = f"the version is {version!r}: a whole number is expected"
        raise ProblemError("invalid-parameter", detail, field="version", value=version)
    return name, number


# The latest version of a model, and one by its number.
for _suffix, _place in ("", "/models/<name>"), ("_version", "/models/<name>/versions/<version>"):
    blueprint.add_url_rule(_place, "show_model" + _suffix, show_model)
    blueprint.add_url_rule(f"{_place}/ready", "model_ready" + _suffix, model_ready)
    add_route(blueprint, f"{_place}/infer", infer, "infer" + _suffix)
repository.register(blueprint)
