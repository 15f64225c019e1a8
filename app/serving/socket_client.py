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

_CREDENTIALS = struct.Struct("3i")  # process, user and group of the peer


class SocketClient(InferenceClient):
    """Asks the inference process behind a Unix socket. Safe to share between threads."""

    def __init__(self, path: Path, *, timeout_s: float = 60) -> None:
        self.path = path
        self._timeout_s = timeout_s
        self._thread = threading.local()
        self._buffers = Buffers()
        self._chosen: dict[tuple[str | None, int | str | None], Chosen] = {}

    def choose(self, ask: Ask = ANY) -> Chosen:
        """Return the ready model that a request means; raises ServingError.

        It is asked for once, until something goes wrong.
        """
        wanted = ask.model, ask.version
        known = self._chosen.get(wanted)
        if known is None:
            request = wire.Message(ChooseRequest(*wanted).header())
            known = self._ask(request, messages.to_choice, self._deadline(ask))
            self._chosen[wanted] = known
        return known

    def enter(self, ask: Ask = ANY, *, ahead: bool = True) -> SocketTurn:
        """Take a place in the queue, or not `ahead` but with the inputs; raises ServingError."""
        deadline = self._deadline(ask)
        entry = EnterRequest(ask.model, ask.version, deadline.timeout_s, ask.loaded)
        if not ahead:
            return SocketTurn(self, deadline, entry)
        self._ask(wire.Message(entry.header()), messages.to_entry, deadline)
        return SocketTurn(self, deadline)

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
            message = wire.Message(request.header(), inputs)
            return self._ask(message, parse, deadline)
        memory = self._buffers.fill(layout, parts)
        request = replace(request, layout=layout)
        try:
            message = wire.Message(request.header(), descriptor=memory)
            prediction = self._ask(message, parse, deadline)
        except BaseException:
            # What was given up may still be read: this memory is for no other inputs.
            os.close(memory)
            raise
        self._buffers.keep(memory)
        return prediction

    def _deadline(self, ask: Ask) -> Deadline:
        longest_s = self._timeout_s
        timeout_s = longest_s if ask.timeout_s is None else min(ask.timeout_s, longest_s)
        return Deadline(timeout_s, ask.is_gone)

    def leave(self) -> None:
        """Give away the place that this thread was given."""
        connection: _Connection | None = getattr(self._thread, "connection", None)
        if connection is not None and connection.is_usable():
            try:
                wire.send(connection.socket, wire.Message({"op": "leave"}), time.monotonic() + 1)
                return
            except OSError:
                pass
        self.close()

    def _ask(
        self, request: wire.Message, parse: Callable[[wire.Message], Answer], deadline: Deadline
    ) -> Answer:
        """Send a request and return its answer, or raise the error that it carries."""
        try:
            connection = self._connected(deadline.at)
            wire.send(connection, request, deadline.at)
            deadline.wait_for(connection)
            answer = wire.receive(connection, deadline.at)
            if answer is None:
                raise wire.WireError("the inference process ended before it answered")
            return parse(answer)
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

    def _connected(self, deadline: float) -> socket.socket:
        """Return this thread's connection, a new one where the last one has ended."""
        connection: _Connection | None = getattr(self._thread, "connection", None)
        if connection is None or not connection.is_usable():
            self.close()
            self._chosen.clear()
            connection = _Connection(self.path, deadline)
            self._thread.connection = connection
        return connection.socket


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

    def wait_for(self, connection: socket.socket) -> None:
        """Wait until something can be read; raises TimeoutError, or CallerGone."""
        poll = select.poll()
        poll.register(connection, select.POLLIN)
        while True:
            left_s = self.left_s
            if poll.poll(1000 * max(0.0, min(_POLL_S, left_s))):
                return
            if self._is_gone is not None and self._is_gone():
                raise CallerGone
            if left_s <= 0:
                raise TimeoutError


class _Connection:
    """One thread's connection; closed when nobody refers to it, as when its thread has ended."""

    def __init__(self, path: Path, deadline: float) -> None:
        self._process = os.getpid()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(max(0.001, deadline - time.monotonic()))
        self.socket.connect(str(path))
        _check_owner(self.socket)

    def __del__(self) -> None:
        self.socket.close()

    def is_usable(self) -> bool:
        """Say whether the peer still listens and this process, no fork of it, connected."""
        return self._process == os.getpid() and _is_open(self.socket)


def _is_open(connection: socket.socket) -> bool:
    """Say whether the peer still listens; nothing has been asked, so nothing may have arrived."""
    # With a timeout set, Python waits that long for a first byte, whatever the flags say.
    connection.setblocking(False)
    try:
        connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _check_owner(connection: socket.socket) -> None:
    """Refuse a socket that another user has put in the place of ours."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(credentials)
    if user not in (0, os.getuid()):
        raise wire.WireError(f"its socket belongs to user {user}")
