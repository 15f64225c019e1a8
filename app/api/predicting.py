"""What every protocol's predictions share: deadlines, places, what is counted and logged of each.

A protocol reads its request to a `Work` and makes its answer of what `found` yields.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from flask import g, request

from app import log
from app.api import problems
from app.api.admission import Model
from app.api.door import IS_GONE
from app.api.headers import request_timeout_s
from app.api.requests import when_sent
from app.api.services import services
from app.ids import new_id
from app.images import ImageError
from app.kinds.face import Face, Limits, Outcome, Parsed
from app.kinds.registry import faces
from app.serving.client import Ask, Chosen, IsGone, Prediction, Turn
from app.serving.errors import InferenceOverloaded, InferenceTimeout, InputRefused, ModelChanged

Made = TypeVar("Made")

# A model that is replaced under way has the request read again, for the new one.
_TRIES = 3


@dataclass(frozen=True)
class Deadline:
    """How long a request may take, from its start, and who waits for that."""

    timeout_s: float
    is_gone: IsGone | None

    @classmethod
    def of_request(cls) -> Deadline:
        """Return that of the current request; raises ProblemError (400)."""
        longest_s = services().settings.inference_timeout_s
        timeout_s = request_timeout_s(request.headers, longest_s) or longest_s
        return cls(timeout_s, request.environ.get(IS_GONE))

    def ask(self, wanted: Model, loaded: str | None = None) -> Ask:
        """Return what inference is asked, with the time that is left; raises InferenceTimeout."""
        left_s = self.timeout_s - (time.perf_counter() - g.start)
        if left_s <= 0:
            raise InferenceTimeout(self.timeout_s)
        return Ask(*wanted, left_s, self.is_gone, loaded, g.request_id)


@dataclass(frozen=True)
class Work:
    """What one request asks of which model.

    Args:
        chosen: the model, with the facts by which its face reads and answers.
        wanted: its name and version as the request has them.
        told: what the model is asked beside the inputs.
        deadline: of the request.
        given: each input for the face, or what is `Ready`, and its name in the request.
    """

    chosen: Chosen
    wanted: Model
    told: Mapping[str, Any]
    deadline: Deadline
    given: list[tuple[Any, str]]

    @property
    def face(self) -> Face:
        """How clients see the model."""
        return faces()[self.chosen.face]

    @property
    def queue(self) -> Model:
        """What tells the queue that it waits in; of a split each version has its own."""
        is_split = self.chosen.span is not None
        return (self.chosen.model, self.chosen.version) if is_split else self.wanted


@dataclass(frozen=True, eq=False)
class Ready:
    """An input that is parsed before its turn, and what that took."""

    parsed: Parsed
    decode_ms: float


@dataclass(frozen=True, eq=False)
class Found:
    """One input of a request, and what came of it."""

    outcome: Outcome
    prediction: Prediction
    decode_ms: float


def of_model(wanted: Model, answer: Callable[[Chosen, Deadline], Made]) -> Made:
    """Return the answer of the ready model that is wanted, read anew where that is replaced.

    Raises ServingError, and what `answer` raises.
    """
    deadline = Deadline.of_request()
    for _ in range(_TRIES):
        try:
            return answer(services().client.choose(deadline.ask(wanted)), deadline)
        except ModelChanged:
            g.when_sent.clear()
    raise ModelChanged


def found(work: Work) -> Iterator[Found]:
    """Yield what came of each input; all of them share the time that one may take.

    Raises ServingError, GivenError or ProblemError.
    """
    if len(work.given) > 1 and all(isinstance(given, Ready) for given, _ in work.given):
        yield from _found_together(work)
        return
    for one in work.given:
        yield _found_alone(work, *one)


def _found_alone(work: Work, given: Any, field: str) -> Found:
    """Return what came of one input, which takes a place of its own."""
    ready = given
    with _entered(work, [field]) as turn:
        if not isinstance(ready, Ready):
            ready = parsed(work.chosen, given, services().limits)
        services().admission.rest()
        prediction = turn.predict(ready.parsed.inputs, work.told)
    return _of(work, ready, prediction)


def _found_together(work: Work) -> Iterator[Found]:
    """Yield what came of inputs that are parsed: all take one place, and may share passes."""
    ready = [given for given, _ in work.given]
    with _entered(work, [field for _, field in work.given]) as turn:
        services().admission.rest()
        predictions = turn.predict_all([one.parsed.inputs for one in ready], work.told)
    for one, prediction in zip(ready, predictions, strict=True):
        yield _of(work, one, prediction)


def _of(work: Work, ready: Ready, prediction: Prediction) -> Found:
    if prediction.ticket is not None:
        when_sent(partial(services().client.answered, prediction.ticket))
    outcome = Outcome(prediction.result, work.chosen.facts, ready.parsed.picture)
    return Found(outcome, prediction, ready.decode_ms)


@contextlib.contextmanager
def _entered(work: Work, fields: Sequence[str]) -> Iterator[Turn]:
    """Give a place in the model's queue, and tell what fails in it in the request's own words.

    Raises ServingError, GivenError or ProblemError.
    """
    admission, queue = services().admission, work.queue
    ask = work.deadline.ask(work.wanted, work.chosen.loaded)
    admission.work()
    if refusal := admission.refusal(queue):
        raise refusal
    try:
        # Where there may be no place an input is not even read before there is.
        is_ahead = not admission.expects_place(queue)
        with contextlib.closing(services().client.enter(ask, ahead=is_ahead)) as turn:
            yield turn
    except InferenceOverloaded as error:
        admission.note_refusal(queue, error)
        raise
    except InferenceTimeout:
        raise InferenceTimeout(work.deadline.timeout_s) from None
    except ImageError as error:
        raise problems.of_image(error, fields[0]) from error
    except InputRefused as error:
        raise problems.of_serving(error, fields[error.row]) from error
    admission.note_answer(queue)


def given_of(
    chosen: Chosen, inputs: list[object], fields: list[str], *, ahead: bool
) -> list[tuple[Any, str]]:
    """Return a request's inputs as `Work` has them; raises GivenError, or PictureError.

    Where the face is quick all are parsed; else with `ahead` what is cheap to see is looked at.
    """
    face, limits = faces()[chosen.face], services().limits
    given = face.read(inputs, fields, limits, ahead=ahead)
    if face.is_quick:
        given = [parsed(chosen, one, limits) for one in given]
    return list(zip(given, fields, strict=True))


def parsed(chosen: Chosen, given: Any, limits: Limits) -> Ready:
    """Return an input as the model takes it; raises GivenError, or ImageError."""
    start = time.perf_counter()
    inputs = faces()[chosen.face].parse(given, chosen.facts, limits)
    return Ready(inputs, _ms_since(start))


def recorded(work: Work, one: Found, make: Callable[[], Made]) -> tuple[Made, str, dict[str, Any]]:
    """Make an answer's part of a prediction, and have that logged and counted.

    Returns the part, the id that the prediction gets, and how long each stage of it took.
    """
    start = time.perf_counter()
    made = make()
    timing_ms = {
        "decode": one.decode_ms,
        "queue": one.prediction.queue_ms,
        "inference": one.prediction.inference_ms,
        "encode": _ms_since(start),
    }
    return made, _record(work.face, one, timing_ms), timing_ms


def _ms_since(start: float) -> float:
    return (time.perf_counter() - start) * 1000


def _record(face: Face, one: Found, timing_ms: Mapping[str, float]) -> str:
    prediction_id = new_id()
    counts, told = face.counts(one.outcome), face.told(one.outcome)
    telemetry, request_id = services().telemetry, g.request_id
    # Not the prediction itself: its masks would stay in memory until the answer is sent.
    model, version = one.prediction.model, one.prediction.version

    def record() -> None:
        telemetry.count(model, version, timing_ms, counts)
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
