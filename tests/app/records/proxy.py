"""A connection to BigQuery that goes wrong as networks do."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time

#: What it does with what comes: hand it on, late; swallow it; end connections, some in the middle
#: of an append; let nobody in.
PASS, DELAY, DROP, CUT, REFUSE = "pass", "delay", "drop", "cut", "refuse"
_DELAY_S = 0.5
_LONGEST_START = 2000


class Proxy:
    """Listens on `port` and hands on to another port of this machine, as `mode` says."""

    def __init__(self, to: int) -> None:
        self.mode = PASS
        self._to = to
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._connections: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def set(self, mode: str) -> None:
        """Go on otherwise; what is refused is ended too."""
        self.mode = mode
        if mode == REFUSE:
            for connection in list(self._connections):
                _end(connection)

    def close(self) -> None:
        self.set(REFUSE)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.mode == REFUSE:
                    _end(client)
                    continue
                server = socket.create_connection(("127.0.0.1", self._to))
                self._connections |= {client, server}
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=self._hand_on, args=pair, daemon=True).start()

    def _hand_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if self.mode == DROP:
                    continue
                if self.mode == CUT:
                    target.sendall(data[: random.randrange(_LONGEST_START)])
                    break
                if self.mode == DELAY:
                    time.sleep(_DELAY_S)
                target.sendall(data)
        for connection in (source, target):
            _end(connection)
        self._connections -= {source, target}


def _end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
