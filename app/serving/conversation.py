"""One connection to the inference process: its requests, and the place in the queue that it holds.

A place belongs to its connection, so that an HTTP worker that dies holds none.
"""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Sequence

from app import log
from app.kinds.tensors import Tensors
from app.serving import messages, wire
from app.serving.buffers import BuffersError, mapped
from app.serving.client import Ask, InferenceClient, Turn
from app.serving.errors import InferenceFailed, ServingError
from app.serving.messages import (
    ChooseRequest,
    ControlRequest,
    EnterRequest,
    PredictRequest,
    SampleRequest,
)
from app.serving.packing import PackingError, parted, unpack


class Conversation:
    """Answers what comes over one connection."""

    def __init__(self, client: InferenceClient, connection: socket.socket) -> None:
        self._client, self._connection = client, connection
        self._turn: Turn | None = None

    def close(self) -> None:
        """Give away the place in the queue, if there is one."""
        if self._turn is not None:
            self._turn.close()
            self._turn = None

    def answer(self, request: wire.Message) -> wire.Message | None:
        """Return the answer, None where none is due; raises WireError where it is no request."""
        try:
            match request.header.get("op"):
                case "enter":
                    self._enter(EnterRequest.parse(request.header))
                    return messages.of_entry()
                case "predict":
                    return self._predict(request)
                case "leave":
                    self.close()
                    return None
                case "choose":
                    wanted = ChooseRequest.parse(request.header)
                    chosen = self._client.choose(Ask(wanted.model, wanted.version))
                    return messages.of_choice(chosen)
                case "load" | "unload" as op:
                    told = ControlRequest.parse(request.header)
                    client = self._client
                    control = client.load_model if op == "load" else client.unload_model
                    control(told.model, told.timeout_s)
                    return messages.of_control()
                case "sample":
                    sample = SampleRequest.parse(request.header)
                    return messages.of_sample(self._client.sample(sample.model, sample.name))
                case "models":
                    return messages.of_statuses(self._client.models())
                case "trouble":
                    return messages.of_trouble(self._client.trouble())
                case "readiness":
                    return messages.of_readiness(*self._client.readiness())
                case unknown:
                    raise wire.WireError(f"there is no operation {unknown!r}")
        except ServingError as error:
            return messages.of_error(error)
        except wire.WireError:
            raise
        except Exception as error:
            log.event("answer_failed", "ERROR", exception=True)
            return messages.of_error(InferenceFailed(type(error).__name__))

    def _enter(self, request: EnterRequest) -> None:
        self.close()
        self._turn = self._client.enter(
            Ask(request.model, request.version, request.timeout_s, self._is_gone, request.loaded)
        )

    def _predict(self, message: wire.Message) -> wire.Message:
        request = PredictRequest.parse(message.header)
        if request.entry is not None:
            self._enter(request.entry)
        if self._turn is None:
            raise wire.WireError("a request to predict came without a place in the queue")
        inputs = _inputs(message, request)
        with contextlib.closing(self._turn) as turn:
            self._turn = None
            if request.rows is None:
                return messages.of_prediction(turn.predict(inputs, request.asked))
            rows = _parted(inputs, *request.rows)
            return messages.of_predictions(turn.predict_all(rows, request.asked))

    def _is_gone(self) -> bool:
        """Say whether the HTTP worker has hung up; the socket's own timeout is left alone."""
        descriptor = self._connection.fileno()
        if descriptor < 0:
            return True
        poll = select.poll()
        poll.register(descriptor, select.POLLRDHUP)
        return bool(poll.poll(0))


def _parted(inputs: Tensors, count: int, is_stacked: bool) -> Sequence[Tensors]:
    try:
        return parted(inputs, count, is_stacked)
    except PackingError as error:
        raise wire.WireError(str(error)) from error


def _inputs(message: wire.Message, request: PredictRequest) -> Tensors:
    """Return what came with the message, or in the memory behind its descriptor."""
    if request.layout is None:
        return message.arrays
    if message.descriptor is None:
        raise wire.WireError("a request to predict came without its inputs")
    try:
        return unpack(request.layout, mapped(message.descriptor, request.layout))
    except (BuffersError, PackingError) as error:
        raise wire.WireError(str(error)) from error
