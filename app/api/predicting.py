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

from app import log
from app.api import problems, recording
from app.api.admission import Model
from app.api.exchange import Exchange
from app.api.headers import IN_WSGI, request_timeout_s
from app.ids import new_id
from app.images import ImageError
from app.kinds.face import Face, Limits, Outcome, Parsed
from app.kinds.registry import faces
from app.kinds.tensors import Tensors
from app.serving.client import Ask, Chosen, IsGone, Prediction, Turn
from app.serving.errors import InferenceOverloaded, InferenceTimeout, InputRefused, ModelChanged

Made = TypeVar("Made")

# A model that is replaced under way has the request read again, for the new one.
_TRIES = 3


@dataclass(frozen=True)
class Deadline:
    """How long a request may take, from its start, and who waits for that; `key` is its id."""

    timeout_s: float
    started: float
    is_gone: IsGone | None
    key: str

    @classmethod
    def of(cls, exchange: Exchange) -> Deadline:
        """Return that of a request; raises ProblemError (400)."""
        longest_s = exchange.services.serving.inference_timeout_s
        value = exchange.request.environ.get(IN_WSGI)
        timeout_s = request_timeout_s(value, longest_s) or longest_s
        exchange.timeout_s = timeout_s
        return cls(timeout_s, exchange.started, exchange.is_gone, exchange.request_id)

    def ask(self, wanted: Model, loaded: str | None = None) -> Ask:
        """Return what inference is asked, with the time that is left; raises InferenceTimeout."""
        left_s = self.timeout_s - (time.perf_counter() - self.started)
        if left_s <= 0:
            raise InferenceTimeout(self.timeout_s)
        return Ask(*wanted, left_s, self.is_gone, loaded, self.key)


@dataclass(frozen=True)
class Work:
    """What one request asks of which model.

    Args:
        exchange: the request.
        chosen: the model, with the facts by which its face reads and answers.
        wanted: its name and version as the request has them.
        told: what the model is asked beside the inputs.
        deadline: of the request.
        given: each input for the face, or what is `Ready`, and its name in the request.
    """

    exchange: Exchange
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
    sent: bytes | Tensors
    """The picture's file, or what was made of other values."""


def of_model(exchange: Exchange, wanted: Model, answer: Callable[[Chosen, Deadline], Made]) -> Made:
    """Return the answer of the ready model that is wanted, read anew where that is replaced.

    Raises ServingError, and what `answer` raises.
    """
    deadline = Deadline.of(exchange)
    for _ in range(_TRIES):
        try:
            return answer(exchange.services.client.choose(deadline.ask(wanted)), deadline)
        except ModelChanged:
            exchange.begin_anew()
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
            ready = parsed(work.chosen, given, work.exchange.services.limits)
        work.exchange.services.admission.rest()
        prediction = turn.predict(ready.parsed.inputs, work.told)
    return _of(work, ready, prediction, given)


def _found_together(work: Work) -> Iterator[Found]:
    """Yield what came of inputs that are parsed: all take one place, and may share passes."""
    ready = [given for given, _ in work.given]
    with _entered(work, [field for _, field in work.given]) as turn:
        work.exchange.services.admission.rest()
        predictions = turn.predict_all([one.parsed.inputs for one in ready], work.told)
    for one, prediction in zip(ready, predictions, strict=True):
        yield _of(work, one, prediction, one)


def _of(work: Work, ready: Ready, prediction: Prediction, given: Any) -> Found:
    if prediction.ticket is not None:
        exchange = work.exchange
        exchange.when_sent.append(partial(exchange.services.client.answered, prediction.ticket))
    outcome = Outcome(prediction.result, work.chosen.facts, ready.parsed.picture)
    sent = given if isinstance(given, bytes) else ready.parsed.inputs
    return Found(outcome, prediction, ready.decode_ms, sent)


@contextlib.contextmanager
def _entered(work: Work, fields: Sequence[str]) -> Iterator[Turn]:
    """Give a place in the model's queue, and tell what fails in it in the request's own words.

    Raises ServingError, GivenError or ProblemError.
    """
    services, queue = work.exchange.services, work.queue
    admission = services.admission
    ask = work.deadline.ask(work.wanted, work.chosen.loaded)
    admission.work()
    if refusal := admission.refusal(queue):
        raise refusal
    try:
        # Where there may be no place an input is not even read before there is.
        is_ahead = not admission.expects_place(queue)
        with contextlib.closing(services.client.enter(ask, ahead=is_ahead)) as turn:
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
    exchange: Exchange, chosen: Chosen, inputs: list[object], fields: list[str], *, ahead: bool
) -> list[tuple[Any, str]]:
    """Return a request's inputs as `Work` has them; raises GivenError, or PictureError.

    Where the face is quick all are parsed; else with `ahead` what is cheap to see is looked at.
    """
    face, limits = faces()[chosen.face], exchange.services.limits
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
    return made, _record(work, one, timing_ms), timing_ms


def _input_kept(exchange: Exchange, sent: bytes | Tensors) -> str | None:
    """Have an input kept once the answer is sent, where it is to be; return its digest."""
    spool = exchange.services.spool
    if spool is None or not spool.wants(exchange.request_id):
        return None
    content = recording.content_of(sent)
    if content is None:
        exchange.services.telemetry.count_input("large")
        return None
    digest = spool.admit(content)
    if digest is not None:

        def put() -> None:
            if not exchange.is_refused:
                spool.put(digest, content)

        exchange.when_sent.append(put)
    return digest


def _ms_since(start: float) -> float:
    return (time.perf_counter() - start) * 1000


def _record(work: Work, one: Found, timing_ms: Mapping[str, float]) -> str:
    prediction_id, exchange = new_id(), work.exchange
    counts, told = work.face.counts(one.outcome), work.face.told(one.outcome)
    exchange.prediction_ids.append(prediction_id)
    telemetry, request_id = exchange.services.telemetry, exchange.request_id
    if exchange.services.records is not None:
        answered = recording.Answered(prediction_id, request_id, _input_kept(exchange, one.sent))
        exchange.rows += recording.rows_of(
            answered, one.prediction, work.face, one.outcome, timing_ms
        )
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

    exchange.when_sent.append(record)
    return prediction_id
