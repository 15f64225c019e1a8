"""POST /predict: inputs for a model in, what it says of them out, in a form that its face has."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Blueprint

from app.api import inputs, predicting
from app.api.exchange import Answer, Exchange, add_route, json_answer
from app.api.negotiation import answer_form
from app.api.parameters import parse, wanted_model
from app.api.predicting import Deadline, Found, Work
from app.api.signatures import with_signature
from app.kinds.face import Form, Parameters
from app.kinds.registry import faces
from app.serving.answers import answer_of
from app.serving.client import Chosen

blueprint = Blueprint("predict", __name__)


def predict(exchange: Exchange) -> Answer:
    """Predict for the input, or for each of `instances`."""
    sent = inputs.read(exchange.request)
    named = wanted_model(sent.parameters)
    wanted = named.model, named.version

    def answer(chosen: Chosen, deadline: Deadline) -> Answer:
        face = faces()[chosen.face]
        asked = parse(face.parameters, sent.parameters)
        told = asked.asked()
        chosen = with_signature(chosen, told.get("signature"), "signature")
        accept = exchange.request.environ.get("HTTP_ACCEPT", "")
        form = answer_form(face, asked, accept, is_list=sent.is_list)
        inputs.check_count(sent, face.most_inputs)
        given = predicting.given_of(
            exchange, chosen, [*sent.inputs], sent.fields, ahead=sent.is_list
        )
        work = Work(exchange, chosen, wanted, told, deadline, given)
        if form == "json":
            return _json(work, asked, is_list=sent.is_list)
        return _in_form(work, asked, face.forms[form])

    return predicting.of_model(exchange, wanted, answer)


add_route(blueprint, "/predict", predict)


def _json(work: Work, asked: Parameters, *, is_list: bool) -> Answer:
    answers = [_answer(work, asked, one) for one in predicting.found(work)]
    return json_answer({"predictions": answers} if is_list else answers[0])


def _answer(work: Work, asked: Parameters, one: Found) -> dict[str, Any]:
    members, prediction_id, timing_ms = predicting.recorded(
        work, one, partial(work.face.members, one.outcome, asked)
    )
    return answer_of(one.prediction, prediction_id, members, timing_ms)


def _in_form(work: Work, asked: Parameters, form: Form) -> Answer:
    """Answer in a form other than JSON."""
    parts = []
    for index, one in enumerate(predicting.found(work)):
        make = partial(form.part, one.outcome, asked, index)
        part, *_ = predicting.recorded(work, one, make)
        parts.append(part)
    return Answer(form.whole(parts), form.media_type)
