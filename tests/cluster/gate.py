"""A way to the API server that can be closed and opened: what passes it is TLS, and stays so."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path
from urllib.parse import urlsplit

from tests.app.api.server import free_port

# Every API server's certificate has this name, whatever its address.
_SERVER_NAME = "kubernetes.default.svc"


class Gate:
    """Closed it refuses connections and has dropped those that it had; `with Gate() as gate:`."""

    def __init__(self) -> None:
        self._port = free_port()
        self._server = ("", 0)
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def __enter__(self) -> Gate:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def lead(self, kubeconfig: Path) -> None:
        """Let a kubeconfig's API server be reached by way of this gate, and open it."""
        config = json.loads(kubeconfig.read_text())
        cluster = config["clusters"][0]["cluster"]
        address = urlsplit(cluster["server"])
        self._server = (str(address.hostname), address.port or 443)
        cluster["server"] = f"https://127.0.0.1:{self._port}"
        cluster["tls-server-name"] = _SERVER_NAME
        kubeconfig.write_text(json.dumps(config))
        self.open()

    def open(self) -> None:
        listener = socket.create_server(("127.0.0.1", self._port))
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def close(self) -> None:
        """Refuse connections, and end those that are there."""
        if self._listener:
            # Closing alone would leave the thread that waits in accept, and the port, as they are.
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        with self._lock:
            for one in self._open:
                _end(one)
            self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
                server = socket.create_connection(self._server, timeout=10)
            except OSError:
                return
            server.settimeout(None)
            with self._lock:
                self._open |= {client, server}
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        _end(sink)
        with self._lock:
            self._open.discard(source)
        source.close()


def _end(one: socket.socket) -> None:
    try:
        one.shutdown(socket.SHUT_RDWR)
    except OSError:
        one.close()
