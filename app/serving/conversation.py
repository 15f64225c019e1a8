"""One connection to the inference process: its requests, and the place in the queue that it holds.

A place belongs to its connection, so that an HTTP worker that dies holds none. Nothing here waits:
what takes its time is answered by another thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial

from app import log
from app.kinds.tensors import Tensors
from app.serving import messages, wire
from app.serving.buffers import BuffersError, Mapped
from app.serving.client import Ask, Prediction
from app.serving.errors import InferenceFailed, ServingError
from app.serving.local_client import LocalClient, LocalTurn
from app.serving.messages import (
    ChooseRequest,
    ControlRequest,
    EnterRequest,
    PredictRequest,
    SampleRequest,
)
from app.serving.packing import PackingError, parted, unpack


class Conversation:
    """Answers what comes over one connection, one request after the other.

    Args:
        client: that has the models.
        reply: sends an answer; called by any thread.
    """

    def __init__(self, client: LocalClient, reply: Callable[[bytes], None]) -> None:
        self._client, self._reply = client, reply
        self._turn: LocalTurn | None = None
        self._is_over = False

    def close(self) -> None:
        """Give away the place in the queue, and what was asked for in it."""
        self._is_over = True
        self._leave()

    def take(self, request: wire.Message) -> bool:
        """Answer a request, or have that done; say whether an answer is due.

        Raises WireError where it is no request.
        """
        match request.header.get("op"):
            case "leave":
                self._leave()
                return False
            case "answered":
                self._client.answered(str(request.header.get("ticket")))
                return False
        self._reply_with(partial(self._answer, request), request.number)
        return True

    def _reply_with(self, make: Callable[[], wire.Message | None], number: int) -> None:
        """Send the answer that is made, if one is, or the error met; raises WireError."""
        try:
            answer = make()
        except ServingError as error:
            answer = messages.of_error(error)
        except wire.WireError:
            raise
        except Exception as error:
            answer = _of_surprise(error)
        if answer is not None:
            self._send(answer, number)

    def _reply_apart(self, make: Callable[[], wire.Message], number: int) -> None:
        """Have that done by a thread of its own, for what takes its time."""
        threading.Thread(
            target=self._reply_with, args=(make, number), name="answer", daemon=True
        ).start()

    def _answer(self, request: wire.Message) -> wire.Message | None:
        """Return the answer; None where another thread will have it."""
        match request.header.get("op"):
            case "enter":
                self._enter(EnterRequest.parse(request.header))
                return messages.of_entry()
            case "predict":
                self._predict(request)
                return None
            case "choose":
                wanted = ChooseRequest.parse(request.header)
                return messages.of_choice(
                    self._client.choose(Ask(wanted.model, wanted.version, key=wanted.key))
                )
            case "load" | "unload":
                told = ControlRequest.parse(request.header)
                self._reply_apart(partial(self._control, told), request.number)
                return None
            case "sample":
                sample = SampleRequest.parse(request.header)
                self._reply_apart(partial(self._sample, sample), request.number)
                return None
            case "models":
                return messages.of_statuses(self._client.models())
            case "trouble":
                return messages.of_trouble(self._client.trouble())
            case "readiness":
                return messages.of_readiness(*self._client.readiness())
            case unknown:
                raise wire.WireError(f"there is no operation {unknown!r}")

    def _control(self, told: ControlRequest) -> wire.Message:
        is_load = told.op == "load"
        control = self._client.load_model if is_load else self._client.unload_model
        control(told.model, told.timeout_s)
        return messages.of_control()

    def _sample(self, wanted: SampleRequest) -> wire.Message:
        return messages.of_sample(self._client.sample(wanted.model, wanted.name))

    def _enter(self, request: EnterRequest) -> None:
        self._leave()
        self._turn = self._client.enter(
            Ask(
                request.model,
                request.version,
                request.timeout_s,
                lambda: self._is_over,
                request.loaded,
                request.key,
            )
        )

    def _leave(self) -> None:
        if self._turn is not None:
            self._turn.close()
            self._turn = None

    def _predict(self, message: wire.Message) -> None:
        """Begin a prediction, whose end sends the answer; raises what refuses it at once."""
        request = PredictRequest.parse(message.header)
        if request.entry is not None:
            self._enter(request.entry)
        if self._turn is None:
            raise wire.WireError("a request to predict came without a place in the queue")
        inputs, memory = _inputs(message, request)
        rows = [inputs] if request.rows is None else _parted(inputs, *request.rows)
        number, is_single = message.number, request.rows is None
        # What holds the inputs ends here: the memory that they are in is given back once all do.
        message.arrays = inputs = {}

        def done(found: list[Prediction] | ServingError) -> None:
            self._leave()
            released = memory is None or memory.release()
            self._send(_told(found, is_single=is_single, released=released), number)

        try:
            self._turn.begin(rows, request.asked, done)
        except BaseException:
            self._leave()
            raise

    def _send(self, answer: wire.Message, number: int) -> None:
        answer.number = number
        try:
            data = wire.encode(answer)
        except Exception as error:
            # A model may give what no message holds.
            failed = _of_surprise(error)
            failed.number = number
            data = wire.encode(failed)
        self._reply(data)


def _told(
    found: list[Prediction] | ServingError, *, is_single: bool, released: bool
) -> wire.Message:
    try:
        if isinstance(found, ServingError):
            return messages.of_error(found)
        if is_single:
            return messages.of_prediction(found[0], released=released)
        return messages.of_predictions(found, released=released)
    except Exception as error:
        return _of_surprise(error)


def _of_surprise(error: Exception) -> wire.Message:
    log.event("answer_failed", "ERROR", exception=True)
    return messages.of_error(InferenceFailed(type(error).__name__))


def _parted(inputs: Tensors, count: int, is_stacked: bool) -> Sequence[Tensors]:
    try:
        return parted(inputs, count, is_stacked)
    except PackingError as error:
        raise wire.WireError(str(error)) from error


def _inputs(message: wire.Message, request: PredictRequest) -> tuple[Tensors, Mapped | None]:
    """Return what came with the message, or with its memory what is behind its descriptor."""
    if request.layout is None:
        return message.arrays, None
    if message.descriptor is None:
        raise wire.WireError("a request to predict came without its inputs")
    try:
        memory = Mapped(message.descriptor, request.layout)
        return unpack(request.layout, memory.data), memory
    except (BuffersError, PackingError) as error:
        raise wire.WireError(str(error)) from error
