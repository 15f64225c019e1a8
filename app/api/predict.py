"""POST /predict: inputs for a model in, what it says of them out, in a form that its face has."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, g, jsonify, request

from app import log
from app.api import inputs, problems
from app.api.door import IS_GONE
from app.api.headers import request_timeout_s
from app.api.negotiation import answer_form
from app.api.parameters import parse, wanted_model
from app.api.requests import when_sent
from app.api.services import services
from app.ids import new_id
from app.images import ImageError
from app.kinds.face import Face, Form, Limits, Outcome, Parameters, Parsed
from app.kinds.registry import faces
from app.serving.answers import answer_of
from app.serving.client import Ask, Chosen, IsGone, Prediction
from app.serving.errors import InferenceOverloaded, InferenceTimeout, InputRefused, ModelChanged

blueprint = Blueprint("predict", __name__)

# A model that is replaced under way has the request read again, for the new one.
_TRIES = 3


@blueprint.post("/predict")
def predict() -> Response:
    """Predict for the input, or for each of `instances`."""
    sent = inputs.read(request)
    wanted = wanted_model(sent.parameters)
    deadline = _Deadline.of_request()
    for _ in range(_TRIES):
        try:
            chosen = services().client.choose(deadline.ask(wanted.model, wanted.version))
            return _answer_of(chosen, sent, deadline)
        except ModelChanged:
            g.when_sent.clear()
    raise ModelChanged


def _answer_of(chosen: Chosen, sent: inputs.Sent, deadline: _Deadline) -> Response:
    face = faces()[chosen.face]
    asked = parse(face.parameters, sent.parameters)
    accept = request.headers.get("Accept", "")
    form = answer_form(face, asked, accept, is_list=sent.is_list)
    inputs.check_count(sent, face.most_inputs)
    limits = services().limits
    given = face.read(sent.inputs, sent.fields, limits, ahead=sent.is_list)
    if face.is_quick:
        given = [_parsed(face, one, chosen, limits) for one in given]
    work = _Work(chosen, face, asked, deadline, list(zip(given, sent.fields, strict=True)))
    if form == "json":
        return _json(work, is_list=sent.is_list)
    return _in_form(work, face.forms[form])


@blueprint.after_request
def _tell_caches(response: Response) -> Response:
    response.vary.add("Accept")
    return response


@dataclass(frozen=True)
class _Deadline:
    """How long a request may take, from its start, and who waits for that."""

    timeout_s: float
    is_gone: IsGone | None

    @classmethod
    def of_request(cls) -> _Deadline:
        longest_s = services().settings.inference_timeout_s
        timeout_s = request_timeout_s(request.headers, longest_s) or longest_s
        return cls(timeout_s, request.environ.get(IS_GONE))

    def ask(self, model: str | None, version: int | None, loaded: str | None = None) -> Ask:
        """Return what inference is asked, with the time that is left; raises InferenceTimeout."""
        left_s = self.timeout_s - (time.perf_counter() - g.start)
        if left_s <= 0:
            raise InferenceTimeout(self.timeout_s)
        return Ask(model, version, left_s, self.is_gone, loaded)


@dataclass(frozen=True)
class _Work:
    """What one request asks of which model; of each input its name in the request."""

    chosen: Chosen
    face: Face
    asked: Parameters
    deadline: _Deadline
    given: list[tuple[Any, str]]


@dataclass(frozen=True, eq=False)
class _Ready:
    """An input that is parsed before its turn, and what that took."""

    parsed: Parsed
    decode_ms: float


@dataclass(frozen=True, eq=False)
class _Found:
    """One input of a request, and what came of it."""

    outcome: Outcome
    prediction: Prediction
    decode_ms: float


def _found(work: _Work) -> Iterator[_Found]:
    """Yield what came of each input; all of them share the time that one may take."""
    admission = services().admission
    wanted = work.asked.model, work.asked.version
    told = work.asked.asked()
    for given, field in work.given:
        ask = work.deadline.ask(*wanted, work.chosen.loaded)
        admission.work()
        if refusal := admission.refusal(wanted):
            raise refusal
        try:
            # Where there may be no place an input is not even read before there is.
            is_ahead = not admission.expects_place(wanted)
            turn = services().client.enter(ask, ahead=is_ahead)
            with contextlib.closing(turn):
                ready = given
                if not isinstance(ready, _Ready):
                    ready = _parsed(work.face, given, work.chosen, services().limits)
                admission.rest()
                prediction = turn.predict(ready.parsed.inputs, told)
        except InferenceOverloaded as error:
            admission.note_refusal(wanted, error)
            raise
        except InferenceTimeout:
            raise InferenceTimeout(work.deadline.timeout_s) from None
        except ImageError as error:
            raise problems.of_image(error, field) from error
        except InputRefused as error:
            raise problems.of_serving(error, field) from error
        admission.note_answer(wanted)
        outcome = Outcome(prediction.result, work.chosen.facts, ready.parsed.picture)
        yield _Found(outcome, prediction, ready.decode_ms)


def _parsed(face: Face, given: Any, chosen: Chosen, limits: Limits) -> _Ready:
    start = time.perf_counter()
    parsed = face.parse(given, chosen.facts, limits)
    return _Ready(parsed, _ms_since(start))


def _json(work: _Work, *, is_list: bool) -> Response:
    answers = [_answer(found, work) for found in _found(work)]
    return jsonify({"predictions": answers} if is_list else answers[0])


def _answer(found: _Found, work: _Work) -> dict[str, Any]:
    start = time.perf_counter()
    members = work.face.members(found.outcome, work.asked)
    timing_ms = _timing(found, start)
    prediction_id = _record(work.face, found, timing_ms)
    return answer_of(found.prediction, prediction_id, members, timing_ms)


def _in_form(work: _Work, form: Form) -> Response:
    """Answer in a form that has no place for the predictions' ids."""
    parts, prediction_ids = [], []
    for index, found in enumerate(_found(work)):
        start = time.perf_counter()
        parts.append(form.part(found.outcome, work.asked, index))
        prediction_ids.append(_record(work.face, found, _timing(found, start)))
    headers = {"X-Prediction-ID": ", ".join(prediction_ids)}
    return Response(form.whole(parts), content_type=form.media_type, headers=headers)


def _timing(found: _Found, encode_start: float) -> dict[str, float]:
    return {
        "decode": found.decode_ms,
        "queue": found.prediction.queue_ms,
        "inference": found.prediction.inference_ms,
        "encode": _ms_since(encode_start),
    }


def _ms_since(start: float) -> float:
    return (time.perf_counter() - start) * 1000


def _record(face: Face, found: _Found, timing_ms: Mapping[str, float]) -> str:
    """Have one prediction logged and counted; return the id that it gets."""
    prediction_id = new_id()
    counts, told = face.counts(found.outcome), face.told(found.outcome)
    telemetry, request_id = services().telemetry, g.request_id
    # Not the prediction itself: its masks would stay in memory until the answer is sent.
    model, version = found.prediction.model, found.prediction.version

    def record() -> None:
        telemetry.count(model, timing_ms, counts)
        log.event(
            "prediction",
            prediction_id=prediction_id,
            request_id=request_id,
            model=model,
            version=version,
            **told,
            instances=counts,
            timing_ms={stage: round(value, 1) for stage, value in timing_ms.items()},
        )

    when_sent(record)
    return prediction_id
