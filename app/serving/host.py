"""The inference process: owns every model and answers on a Unix socket.

`python -m app.serving.host`, normally started by `app.serving.supervisor`. It listens before the
models are loaded, so that their state can be asked for from the first moment.
"""

from __future__ import annotations

import math
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TextIO

from app import log
from app.kinds.kind import Kind
from app.serving import wire
from app.serving.cores import available_cores
from app.serving.heartbeat import Heart
from app.serving.listener import Listener, SocketInUseError
from app.serving.local_client import LocalClient
from app.serving.memory import be_killed_first
from app.serving.parent import Parent
from app.serving.peer import Peer
from app.settings import Settings
from app.variables import SettingsError

EXIT_BAD_SETTINGS = 2
EXIT_SOCKET_UNUSABLE = 3
EXIT_HANGS = 4

HANG_MARGIN_S = 10.0

# How often it looks whether its parent is there and nothing hangs; told to end, whether it can.
_CHECK_S, _DRAIN_CHECK_S = 0.5, 0.02


class Host:
    """Answers requests on a socket, in one loop; the models are behind `client`."""

    def __init__(
        self, client: LocalClient, listener: Listener, *, hang_after_s: float = math.inf
    ) -> None:
        self._client = client
        self._hang_after_s = hang_after_s
        self._heart = Heart()
        self._listener = listener
        self._peers: dict[int, Peer] = {}
        self._checked_at = 0.0
        self._wake, self._waker = socket.socketpair()

    def serve(self, drain_s: float = 0.0) -> bool:
        """Answer until `stop` is called or the parent is gone, then finish what is in flight.

        Says whether that was done within `drain_s`.
        """
        parent = Parent()
        with select.epoll() as epoll:
            epoll.register(self._listener.socket, select.EPOLLIN)
            epoll.register(self._wake, select.EPOLLIN)
            while not self._has_stopped(epoll, _CHECK_S) and not parent.is_gone():
                pass
            epoll.unregister(self._wake)
            epoll.unregister(self._listener.socket)
            self._listener.close()
            end = time.monotonic() + drain_s
            while self._is_busy() and time.monotonic() < end:
                self._has_stopped(epoll, _DRAIN_CHECK_S)
            return not self._is_busy()

    def stop(self) -> None:
        """End `serve`; may be called from a signal handler."""
        self._waker.send(b"\0")

    def _is_busy(self) -> bool:
        return any(peer.is_busy for peer in self._peers.values())

    def _has_stopped(self, epoll: select.epoll, wait_s: float) -> bool:
        """Answer what has come, once; say whether the end was asked for."""
        self._check()
        for descriptor, event in epoll.poll(wait_s):
            if descriptor == self._wake.fileno():
                return True
            if (peer := self._peers.get(descriptor)) is not None:
                self._attend(descriptor, peer, event)
            elif descriptor == self._listener.socket.fileno():
                connection, _ = self._listener.socket.accept()
                self._peers[connection.fileno()] = Peer(connection, self._client, epoll)
        return False

    def _attend(self, descriptor: int, peer: Peer, event: int) -> None:
        try:
            if event & select.EPOLLOUT:
                peer.flush()
            if not event & ~select.EPOLLOUT or peer.receive():
                return
        except wire.WireError as error:
            log.event("bad_message", "WARNING", error=str(error))
        except OSError:
            # It went away; nobody is left to answer.
            pass
        del self._peers[descriptor]
        peer.close()

    def _check(self) -> None:
        """End the process where a prediction hangs: native code cannot be stopped otherwise."""
        now = time.monotonic()
        if now - self._checked_at < _CHECK_S:
            return
        self._checked_at = now
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
    serving = settings.serving
    threads = serving.inference_threads or available_cores()
    log.event("settings", **settings.masked(), process=os.getpid(), threads=threads)
    try:
        # The socket before the models: a second process ends before it takes their memory.
        listener = Listener(serving.inference_socket)
    except (SocketInUseError, OSError) as error:
        log.event("socket_unusable", "ERROR", error=str(error))
        return EXIT_SOCKET_UNUSABLE
    be_killed_first()
    client = LocalClient.start(serving, kinds=kinds)
    if serving.model_poll_s:
        client.keep_up(serving.model_poll_s)
    # By then whoever asked has long had the answer that there is none.
    hang_after_s = serving.inference_timeout_s + hang_margin_s
    host = Host(client, listener, hang_after_s=hang_after_s)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: host.stop())
    is_drained = host.serve(serving.inference_timeout_s)
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
