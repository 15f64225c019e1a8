"""Tells the person at the terminal when the server is ready, and where to open it.

A small process of its own, since `slipway serve` has uWSGI to look after: it asks the server over
HTTP, as anyone would, says one line on stderr and ends; it ends too when the server does.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

_POLL_S = 0.3
_TIMEOUT_S = 5


def start(listener: socket.socket, repository: Path) -> None:
    """Announce in the background, until the server on `listener` is ready or has ended."""
    server = os.getpid()
    sys.stderr.flush()
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    # The server must not find an unknown child: this one's child is nobody's.
    if os.fork():
        os._exit(0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    port = listener.getsockname()[1]
    # Held here, the port would not be free when the server has ended.
    listener.close()
    try:
        _announce(f"http://127.0.0.1:{port}", server, repository)
    finally:
        os._exit(0)


def _announce(url: str, server: int, repository: Path) -> None:
    _say(f"Slipway is starting with the models in {repository}")
    line: str | None = None
    while _is_alive(server):
        time.sleep(_POLL_S)
        previous, line = line, _news(url)
        # Twice the same: a model may have become ready while the first answer was made.
        if line is not None and line == previous:
            _say(line)
            return


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return True


def _news(url: str) -> str | None:
    """Return the line to say; None as long as inference starts or models are loading."""
    readiness = _get(f"{url}/readyz")
    if readiness is None:
        return None
    if readiness.get("status") == "ready":
        return f"Slipway is ready: open {url}/"
    states = {model["state"] for model in readiness.get("models", [])}
    if "loading" in states or not states:
        return None
    return f"Slipway runs at {url}/ but is not ready: {readiness.get('detail')}"


def _get(url: str) -> dict[str, Any] | None:
    """Return the JSON at a URL, a problem's too; None while there is none."""
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as response:
            body = response.read()
    except urllib.error.HTTPError as error:
        body = error.read()
    except (OSError, http.client.HTTPException):
        return None
    try:
        document = json.loads(body)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
