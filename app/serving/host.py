"""The inference process: owns every model and answers on a Unix socket.

`python -m app.serving.host`, normally started by `app.serving.supervisor`. It listens before the
models are loaded, so that their state can be asked for from the first moment.
"""

from __future__ import annotations

import contextlib
import math
import os
import selectors
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import TextIO

from app import log
from app.kinds.kind import Kind
from app.serving import wire
from app.serving.conversation import Conversation
from app.serving.cores import available_cores
from app.serving.heartbeat import Heart
from app.serving.listener import Listener, SocketInUseError
from app.serving.local_client import LocalClient
from app.serving.memory import be_killed_first
from app.serving.parent import Parent
from app.settings import Settings, SettingsError

EXIT_BAD_SETTINGS = 2
EXIT_SOCKET_UNUSABLE = 3
EXIT_HANGS = 4

HANG_MARGIN_S = 10.0

_PARENT_CHECK_S = 0.5


class Host:
    """Answers requests on a socket, a thread a connection; the models are behind `client`."""

    def __init__(
        self, client: LocalClient, listener: Listener, *, hang_after_s: float = math.inf
    ) -> None:
        self._client = client
        self._hang_after_s = hang_after_s
        self._heart = Heart()
        self._listener = listener
        self._busy = 0
        self._changed = threading.Condition()
        self._wake, self._waker = socket.socketpair()

    def serve(self) -> None:
        """Answer until `stop` is called or the parent is gone, then finish what is in flight."""
        parent = Parent()
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener.socket, selectors.EVENT_READ)
            selector.register(self._wake, selectors.EVENT_READ)
            while not parent.is_gone():
                self._check()
                ready = [key.fileobj for key, _ in selector.select(_PARENT_CHECK_S)]
                if self._wake in ready:
                    break
                if self._listener.socket in ready:
                    connection, _ = self._listener.socket.accept()
                    threading.Thread(
                        target=self._converse, args=(connection,), name="connection", daemon=True
                    ).start()
        self._listener.close()

    def stop(self) -> None:
        """End `serve`; may be called from a signal handler."""
        self._waker.send(b"\0")

    def drain(self, timeout_s: float) -> bool:
        """Wait until no request is in flight; say whether that is so."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._busy, timeout_s)

    def _converse(self, connection: socket.socket) -> None:
        """Answer one connection's requests, one after the other, until it ends."""
        with connection, contextlib.closing(Conversation(self._client, connection)) as conversation:
            try:
                while (request := wire.receive(connection)) is not None:
                    with contextlib.closing(request), self._counted():
                        answer = conversation.answer(request)
                        if answer is not None:
                            wire.send(connection, answer)
            except wire.WireError as error:
                log.event("bad_message", "WARNING", error=str(error))
            except OSError:
                # The client went away; nobody is left to answer.
                return

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        with self._changed:
            self._busy += 1
        try:
            yield
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()

    def _check(self) -> None:
        """End the process where a prediction hangs: native code cannot be stopped otherwise."""
        self._heart.beat()
        running_s = self._client.running_s()
        if running_s > self._hang_after_s:
            log.event("inference_hangs", "ERROR", running_s=round(running_s, 1))
            sys.stderr.flush()
            os._exit(EXIT_HANGS)


def main(
    kinds: Sequence[Kind] | None = None,
    environment: Mapping[str, str] = os.environ,
    *,
    hang_margin_s: float = HANG_MARGIN_S,
) -> int:
    """Serve until SIGTERM; return the exit status.

    Args:
        kinds: instead of those in `app.kinds.registry`.
        environment: what the settings are read from.
        hang_margin_s: how long a prediction may go on after INFERENCE_TIMEOUT_S, before it counts
            as one that never ends.
    """
    stream = _keep_stdout()
    try:
        settings = Settings.from_environment(environment)
    except SettingsError as error:
        log.configure(stream=stream)
        log.event("bad_setting", "ERROR", error=str(error))
        return EXIT_BAD_SETTINGS
    log.configure(settings.log_level, stream)
    threads = settings.inference_threads or available_cores()
    log.event("settings", **settings.masked(), process=os.getpid(), threads=threads)
    try:
        # The socket before the models: a second process ends before it takes their memory.
        listener = Listener(settings.inference_socket)
    except (SocketInUseError, OSError) as error:
        log.event("socket_unusable", "ERROR", error=str(error))
        return EXIT_SOCKET_UNUSABLE
    be_killed_first()
    client = LocalClient.start(settings, kinds=kinds)
    if settings.model_poll_s:
        client.keep_up(settings.model_poll_s)
    # By then whoever asked has long had the answer that there is none.
    hang_after_s = settings.inference_timeout_s + hang_margin_s
    host = Host(client, listener, hang_after_s=hang_after_s)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: host.stop())
    host.serve()
    is_drained = host.drain(settings.inference_timeout_s)
    log.event("inference_stopped", is_drained=is_drained)
    return 0


def _keep_stdout() -> TextIO:
    """Return stdout for the log alone: what frameworks print, natively too, goes to stderr."""
    sys.stdout.flush()
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return stream


def _run() -> None:
    status = main()
    sys.stderr.flush()
    # No interpreter shutdown: a model that is still being loaded in a thread would crash in it.
    os._exit(status)


if __name__ == "__main__":
    _run()
