"""Tells the person at the terminal when the server is ready, and where to open it.

A small process of its own, since `slipway serve` has uWSGI to look after: it asks the server over
HTTP, as anyone would, says one line on stderr and ends; it ends too when the server does.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.cli.ready import own_tls
from app.cli.terminal import counted, printable, shortened
from app.serving.leftovers import find_left_out
from app.serving.settings import ServingSettings
from app.serving.vacancy import BEING_BROUGHT, no_model
from app.settings import Settings

_POLL_S = 0.3
# Longer than the slowest start: whoever hangs up on a server that starts fills its log.
_TIMEOUT_S = 120
_MOST_NAMED = 3
_LONGEST_REASON = 120


def start(listener: socket.socket, settings: Settings) -> None:
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
        url = f"{settings.hosting.scheme}://127.0.0.1:{port}"
        _announce(url, server, settings.serving)
    finally:
        os._exit(0)


def _announce(url: str, server: int, serving: ServingSettings) -> None:
    _say(_first_line(serving))
    line: str | None = None
    while _is_alive(server):
        time.sleep(_POLL_S)
        previous, line = line, _news(url)
        # Twice the same: a model may have become ready while the first answer was made.
        if line is not None and line == previous:
            _say(line)
            return


def _first_line(serving: ServingSettings) -> str:
    """Return what can be said before anything is loaded: what lies there and is no model."""
    repository = serving.model_repository
    line = f"Slipway is starting with the models in {serving.model_address}"
    if serving.model_bucket is not None:
        return line
    with contextlib.suppress(OSError):
        if nothing := no_model(repository):
            return f"Slipway is starting, but {nothing}"
        if told := [str(found.error) for found in find_left_out(repository)]:
            return f"{line}, but {_some(told, 'more')}"
    return line


def _say(line: str) -> None:
    # In one piece: the log goes to the same terminal.
    with contextlib.suppress(OSError):
        os.write(sys.stderr.fileno(), f"{printable(line)}\n".encode())


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
    is_ready = readiness.get("status") == "ready"
    states = readiness.get("models")
    detail = str(readiness.get("detail"))
    if not is_ready and (
        states is None
        or "loading" in [model["state"] for model in states]
        or detail.endswith(BEING_BROUGHT)
    ):
        return None
    models = (_get(f"{url}/models") or {}).get("models", [])
    failures = [_failure(model) for model in models if model["error"]]
    if is_ready:
        count = sum(model["state"] == "ready" for model in models)
        facts = [counted(count, "model"), _failed(failures)]
        return f"Slipway is ready: open {url}/{_aside(facts) if failures else ''}"
    others = [
        _failure(model) for model in models if model["error"] and model["error"] not in detail
    ]
    told = shortened(detail, 2 * _LONGEST_REASON)
    return f"Slipway runs at {url}/ but is not ready: {told}{_aside([_failed(others)])}"


def _failure(model: Mapping[str, Any]) -> tuple[str, str]:
    """Return how a person knows a model that failed, by its file or else its name, and why."""
    name, version, error = model["name"], model["version"], " ".join(model["error"].split())
    file = model.get("file") or ""
    if Path(file).stem == name:
        name = file
        error = re.sub(f"^{re.escape(file)} ", "it ", error.removeprefix(f"{file}: "))
    return f"{name} version {version}" if version > 1 else name, error


def _failed(failures: Sequence[tuple[str, str]]) -> str:
    told = [f"{name} failed: {shortened(why, _LONGEST_REASON)}" for name, why in failures]
    return _some(told, "more failed")


def _some(told: Sequence[str], rest: str) -> str:
    more = len(told) - _MOST_NAMED
    return "; ".join([*told[:_MOST_NAMED], *([f"{more} {rest}"] if more > 0 else [])])


def _aside(facts: Sequence[str]) -> str:
    told = "; ".join(fact for fact in facts if fact)
    return f" ({told})" if told else ""


def _get(url: str) -> dict[str, Any] | None:
    """Return the JSON at a URL, a problem's too; None while there is none."""
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S, context=own_tls()) as response:
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
