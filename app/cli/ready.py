"""`slipway ready`: whether the server on this machine is ready, and why not.

For what can run a command and shows what it printed: a container's health check, a pod's startup
probe, whose HTTP form tells no more than the status.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import ssl
import time

from app.cli.terminal import printable, shortened
from app.settings import Settings

_POLL_S = 0.25
_TIMEOUT_S = 5.0
_LONGEST_WAIT_S = 3600.0
# An Event of Kubernetes holds 1,024 characters, with what the kubelet says around this.
_LONGEST_REASON = 900


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "ready",
        help="ask the server on this machine whether it is ready",
        description="Asks the server on this machine, at $PORT, whether it is ready. Exit status "
        "1: it is not, and the reason is printed.",
    )
    parser.add_argument(
        "--wait",
        metavar="SECONDS",
        type=_seconds,
        default=0.0,
        help="ask again until it is, for so long; by default once",
    )
    parser.add_argument("--port", metavar="PORT", help="instead of $PORT, by default 8080")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print `ready`, or why it is not; return 0 or 1."""
    given = {} if arguments.port is None else {"PORT": arguments.port}
    settings = Settings.from_environment(os.environ | given)
    deadline = time.monotonic() + arguments.wait
    while True:
        reason = _reason(settings)
        left_s = deadline - time.monotonic()
        if reason is None or left_s <= 0:
            print(reason or "ready")
            return 0 if reason is None else 1
        time.sleep(min(_POLL_S, left_s))


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= _LONGEST_WAIT_S:
        raise argparse.ArgumentTypeError(
            f"{text!r}: must be a number of seconds from 0 to {_LONGEST_WAIT_S:g}"
        )
    return seconds


def own_tls() -> ssl.SSLContext:
    """Return what is needed to ask the server on this machine, whoever its certificate is for."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _reason(settings: Settings) -> str | None:
    """Return in one line why the server is not ready; None where it is."""
    address = "127.0.0.1", settings.hosting.port
    connection = (
        http.client.HTTPConnection(*address, timeout=_TIMEOUT_S)
        if settings.hosting.tls_certificate is None
        else http.client.HTTPSConnection(*address, timeout=_TIMEOUT_S, context=own_tls())
    )
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        return f"no answer at port {settings.hosting.port}: {str(error) or type(error).__name__}"
    finally:
        connection.close()
    if answer.status == http.HTTPStatus.OK:
        return None
    return shortened(printable(_detail(body) or f"status {answer.status}"), _LONGEST_REASON)


def _detail(body: bytes) -> str:
    """Return what a problem says; nothing where the body is none."""
    try:
        document = json.loads(body)
    except ValueError:
        return ""
    return str(document.get("detail", "")) if isinstance(document, dict) else ""
