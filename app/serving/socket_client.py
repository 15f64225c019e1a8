"""The HTTP workers' way to the inference process: one connection a thread, no framework.

A request that was sent is never sent again: whether it ran cannot be known, and the caller's
caller may repeat it.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from app.kinds.tensors import Tensors
from app.serving import messages, wire
from app.serving.buffers import Buffers
from app.serving.client import ANY, Ask, Chosen, InferenceClient, IsGone, ModelStatus, Prediction
from app.serving.errors import (
    CallerGone,
    InferenceTimeout,
    InferenceUnavailable,
    ModelAmbiguous,
    ModelChanged,
    ModelNotFound,
    ModelNotReady,
    ServingError,
    VersionNotFound,
)
from app.serving.messages import (
    ChooseRequest,
    ControlRequest,
    EnterRequest,
    PredictRequest,
    SampleRequest,
)
from app.serving.packing import merged, pack, size_of

Answer = TypeVar("Answer")

# A restart takes a second and loading a model several.
RETRY_AFTER_S = 5.0
STATUS_TIMEOUT_S = 5.0

# How often a caller that waits is looked after.
_POLL_S = 0.25
# What was known of a model holds no more.
_CHANGED = (ModelNotFound, VersionNotFound, ModelAmbiguous, ModelNotReady, ModelChanged)
# Inputs up to here travel with the message: to share memory would take longer.
_WITH_THE_MESSAGE = 16 << 10

# Requests of a connection are counted so far, and then anew.
_NUMBERS = 1 << 32
_TIMEVAL = struct.Struct("@ll")
_CREDENTIALS = struct.Struct("3i")  # process, user and group of the peer


class SocketClient(InferenceClient):
    """Asks the inference process behind a Unix socket. Safe to share between threads."""

    def __init__(self, path: Path, *, timeout_s: float = 60) -> None:
        self.path = path
        self._timeout_s = timeout_s
        self._thread = threading.local()
        self._buffers = Buffers()
        self._chosen: dict[tuple[str | None, int | str | None], tuple[Chosen, ...]] = {}

    def choose(self, ask: Ask = ANY) -> Chosen:
        """Return the ready model that a request means; raises ServingError.

        It is asked for once, or once for each part of a split, until something goes wrong.
        """
        wanted = ask.model, ask.version
        for known in self._chosen.get(wanted, ()):
            if known.is_for(ask.key):
                return known
        request = wire.Message(ChooseRequest(*wanted, ask.key).header())
        chosen = self._ask(request, messages.to_choice, self._deadline(ask))
        if chosen.is_for(ask.key):
            others = (one for one in self._chosen.get(wanted, ()) if one.span != chosen.span)
            self._chosen[wanted] = (*others, chosen)
        return chosen

    def enter(self, ask: Ask = ANY, *, ahead: bool = True) -> SocketTurn:
        """Take a place in the queue, or not `ahead` but with the inputs; raises ServingError."""
        deadline = self._deadline(ask)
        entry = EnterRequest(ask.model, ask.version, deadline.timeout_s, ask.loaded, ask.key)
        if not ahead:
            return SocketTurn(self, deadline, entry)
        self._ask(wire.Message(entry.header()), messages.to_entry, deadline)
        return SocketTurn(self, deadline)

    def answered(self, ticket: str) -> None:
        """Tell that the answer with the prediction of such a ticket is sent; never raises."""
        self._say({"op": "answered", "ticket": ticket})

    def models(self) -> list[ModelStatus]:
        """Return every model of the repository; raises InferenceUnavailable."""
        return self._told(wire.Message({"op": "models"}), messages.to_statuses)

    def trouble(self) -> str | None:
        """Say why the repository could not be read at the last look; None where it could."""
        return self._told(wire.Message({"op": "trouble"}), messages.to_trouble)

    def sample(self, model: str, name: str) -> bytes | None:
        """Return a picture that lies with a model; raises InferenceUnavailable."""
        request = SampleRequest(model, name)
        return self._told(wire.Message(request.header()), messages.to_sample)

    def load_model(self, name: str, timeout_s: float) -> None:
        """Load what lies in the repository under a name; raises ServingError."""
        self._control(ControlRequest("load", name, timeout_s))

    def unload_model(self, name: str, timeout_s: float) -> None:
        """Have a model serve no more; raises ServingError."""
        self._control(ControlRequest("unload", name, timeout_s))

    def _control(self, request: ControlRequest) -> None:
        self._told(wire.Message(request.header()), messages.to_control, request.timeout_s)

    def _told(
        self,
        request: wire.Message,
        parse: Callable[[wire.Message], Answer],
        takes_s: float = 0.0,
    ) -> Answer:
        """Ask what is answered within `takes_s`, and a little; raises ServingError."""
        try:
            return self._ask(request, parse, Deadline(takes_s + STATUS_TIMEOUT_S))
        except InferenceTimeout as error:
            raise InferenceUnavailable("the inference process hangs", RETRY_AFTER_S) from error

    def readiness(self) -> tuple[bool, str]:
        """Say whether traffic may come, and in one line why not; never raises."""
        request = wire.Message({"op": "readiness"})
        try:
            return self._ask(request, messages.to_readiness, Deadline(STATUS_TIMEOUT_S))
        except ServingError as error:
            return False, str(error)

    def close(self) -> None:
        """Close this thread's connection; those of other threads end with their threads."""
        self._thread.__dict__.pop("connection", None)

    def predict_in_turn(
        self,
        inputs: Tensors,
        asked: Mapping[str, Any],
        entry: EnterRequest | None,
        deadline: Deadline,
    ) -> Prediction:
        """Send the inputs for the place that this thread has or asks for; return what came out."""
        request = PredictRequest(asked, entry)
        return self._predict(inputs, request, messages.to_prediction, deadline)

    def predict_rows_in_turn(
        self,
        rows: Sequence[Tensors],
        asked: Mapping[str, Any],
        entry: EnterRequest | None,
        deadline: Deadline,
    ) -> list[Prediction]:
        """Do the same for several inputs, all in one message."""
        inputs, is_stacked = merged(rows)
        request = PredictRequest(asked, entry, rows=(len(rows), is_stacked))
        return self._predict(inputs, request, messages.to_predictions, deadline)

    def _predict(
        self,
        inputs: Tensors,
        request: PredictRequest,
        parse: Callable[[wire.Message], Answer],
        deadline: Deadline,
    ) -> Answer:
        layout, parts = pack(inputs)
        if size_of(layout) <= _WITH_THE_MESSAGE:
            message = wire.Message(request.header(), packed=(layout, parts))
            return self._ask(message, parse, deadline)
        memory = self._buffers.fill(layout, parts)
        request = replace(request, layout=layout)
        is_released = False

        def parse_and_look(answer: wire.Message) -> Answer:
            nonlocal is_released
            is_released = messages.is_released(answer)
            return parse(answer)

        try:
            message = wire.Message(request.header(), descriptor=memory)
            return self._ask(message, parse_and_look, deadline)
        finally:
            # What was given up, or is kept by its model, may still be read: no other inputs then.
            if is_released:
                self._buffers.keep(memory)
            else:
                os.close(memory)

    def _deadline(self, ask: Ask) -> Deadline:
        longest_s = self._timeout_s
        timeout_s = longest_s if ask.timeout_s is None else min(ask.timeout_s, longest_s)
        return Deadline(timeout_s, ask.is_gone)

    def leave(self) -> None:
        """Give away the place that this thread was given."""
        self._say({"op": "leave"})

    def _say(self, header: Mapping[str, Any]) -> None:
        """Send what is not answered; a connection that it does not go over is closed."""
        connection = self._own()
        if connection is not None:
            try:
                connection.tell(wire.Message(header), time.monotonic() + 1)
                return
            except OSError:
                pass
        self.close()

    def _ask(
        self, request: wire.Message, parse: Callable[[wire.Message], Answer], deadline: Deadline
    ) -> Answer:
        """Send a request and return its answer, or raise the error that it carries."""
        try:
            return parse(self._sent(request, deadline.at).answer(deadline))
        except TimeoutError:
            # Its answer may still come: on this connection it would answer the next request.
            self.close()
            raise InferenceTimeout(deadline.timeout_s) from None
        except _CHANGED:
            self._chosen.clear()
            raise
        except CallerGone:
            # That the connection ends tells the other side not to predict.
            self.close()
            raise
        except (OSError, wire.WireError) as error:
            self.close()
            self._chosen.clear()
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise InferenceUnavailable(
                f"the inference process is not available: {reason}", RETRY_AFTER_S
            ) from error

    def _sent(self, request: wire.Message, deadline: float) -> _Connection:
        """Send a request over this thread's connection, a new one where the last has ended.

        One whose other end is closed takes nothing: what could not be sent has not run.
        """
        connection = self._own()
        if connection is not None:
            try:
                connection.tell(request, deadline)
                return connection
            except (BrokenPipeError, ConnectionResetError):
                pass
        self.close()
        self._chosen.clear()
        connection = self._thread.connection = _Connection(self.path, deadline)
        connection.tell(request, deadline)
        return connection

    def _own(self) -> _Connection | None:
        """Return this thread's connection, if this process, no fork of it, has connected."""
        connection: _Connection | None = getattr(self._thread, "connection", None)
        return None if connection is None or connection.process != os.getpid() else connection


class SocketTurn:
    """A place in the inference process's queue, held by this thread's connection.

    With an `entry` it is asked for when the inputs are there.
    """

    def __init__(
        self, client: SocketClient, deadline: Deadline, entry: EnterRequest | None = None
    ) -> None:
        self._client, self._deadline, self._entry = client, deadline, entry
        self._is_used = False

    def predict(self, inputs: Tensors, asked: Mapping[str, Any] | None = None) -> Prediction:
        """Return what comes out for the inputs, once; raises ServingError."""
        self._is_used = True
        entry = self._entry and replace(self._entry, timeout_s=self._deadline.left_s)
        return self._client.predict_in_turn(inputs, asked or {}, entry, self._deadline)

    def predict_all(
        self, rows: Sequence[Tensors], asked: Mapping[str, Any] | None = None
    ) -> list[Prediction]:
        """Return what comes out for each of several inputs, once; raises ServingError."""
        self._is_used = True
        entry = self._entry and replace(self._entry, timeout_s=self._deadline.left_s)
        return self._client.predict_rows_in_turn(rows, asked or {}, entry, self._deadline)

    def close(self) -> None:
        """Give the place away, unless the answer has done that; may be called again."""
        if not self._is_used:
            self._is_used = True
            if self._entry is None:
                self._client.leave()


class Deadline:
    """Until when an answer is waited for, and by whom."""

    def __init__(self, timeout_s: float, is_gone: IsGone | None = None) -> None:
        self.timeout_s, self.at = timeout_s, time.monotonic() + timeout_s
        self._is_gone = is_gone

    @property
    def left_s(self) -> float:
        """How long that is from now."""
        return self.at - time.monotonic()

    def check(self) -> None:
        """Raise TimeoutError once it is over, or CallerGone."""
        if self._is_gone is not None and self._is_gone():
            raise CallerGone
        if self.left_s <= 0:
            raise TimeoutError


class _Connection:
    """One thread's connection; closed when nobody refers to it, as when its thread has ended."""

    def __init__(self, path: Path, deadline: float) -> None:
        self.process = os.getpid()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(max(0.001, deadline - time.monotonic()))
        self._socket.connect(str(path))
        self._socket.settimeout(None)
        _check_owner(self._socket)
        # In the kernel: to poll before each read would be one more system call.
        pause = _TIMEVAL.pack(0, round(1e6 * _POLL_S))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, pause)
        self._reader = wire.Reader(self._socket)
        self._number = 0

    def __del__(self) -> None:
        self._socket.close()

    def tell(self, request: wire.Message, deadline: float) -> None:
        """Send a request; raises OSError, TimeoutError too."""
        self._number = (self._number + 1) % _NUMBERS
        request.number = self._number
        wire.send(self._socket, request, deadline)

    def answer(self, deadline: Deadline) -> wire.Message:
        """Return the answer to the last request.

        Raises OSError, TimeoutError too, CallerGone, or WireError.
        """
        while (answer := self._reader.next()) is None:
            if self._reader.is_ended:
                raise wire.WireError("the inference process ended before it answered")
            try:
                if deadline.left_s < _POLL_S:
                    wire.wait_for(self._socket, select.POLLIN, deadline.at)
                self._reader.read(waits=True)
            except BlockingIOError:
                deadline.check()
        if answer.number != self._number:
            raise wire.WireError("an answer to another request came")
        return answer


def _check_owner(connection: socket.socket) -> None:
    """Refuse a socket that another user has put in the place of ours."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(credentials)
    if user not in (0, os.getuid()):
        raise wire.WireError(f"its socket belongs to user {user}")
