"""One hostile input, an application to send it to, and what every answer has to be."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.test import create_environ
from werkzeug.wrappers import Response

from app.application import create_app
from app.serving.local_client import LocalClient
from app.settings import Settings
from tests.app.serving.model_folder import Models
from tests.app.serving.thresholding import Thresholding

#: Small limits, so that small inputs reach them.
LIMITS = {
    "INFERENCE": "in_process",
    "MAX_IMAGE_BYTES": "1500000",
    "MAX_IMAGE_PIXELS": "1000000",
    "MAX_IMAGE_SIDE": "5000",
    "MAX_IMAGE_FRAMES": "20",
    "MAX_REQUEST_PIXELS": "1500000",
    "DECODE_TIMEOUT_S": "1",
}
#: A hang, not a slow machine.
WATCHDOG_S = 60.0

TAKEN = frozenset({200})
BAD_REQUEST = frozenset({400})
TOO_LARGE = frozenset({413})
NO_PICTURE = frozenset({415})
DAMAGED = frozenset({422})
#: What a picture may come to that is damaged somewhere: a decoder may not notice.
ANY_PICTURE = frozenset({200, 413, 415, 422})

# A file's place on the server, a line of a traceback, an object's address.
_SECRET = re.compile(r"/[a-z]+/[a-z_/]+\.py|site-packages|Traceback|line \d+, in|0x[0-9a-f]{6}")


@dataclass(frozen=True)
class Hostile:
    """An input, and the statuses that answer it rightly."""

    id: str
    statuses: frozenset[int]
    body: bytes = b""
    content_type: str | None = "application/octet-stream"
    path: str = "/predict"
    query: str = ""
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)

    def send(self, app: Flask) -> Response:
        """Send it and return the answer; raises TimeoutError where none comes."""
        environ = create_environ(method=self.method, data=self.body)
        # As a server hands them on, where a client of tests would put them right.
        environ |= {f"HTTP_{_upper(name)}": value for name, value in self.headers.items()}
        environ |= {"PATH_INFO": self.path, "QUERY_STRING": self.query, **self.environ}
        environ.pop("CONTENT_TYPE", None)
        if self.content_type is not None:
            environ["CONTENT_TYPE"] = self.content_type
        return within(WATCHDOG_S, lambda: Response.from_app(app, environ, buffered=True))


def _upper(name: str) -> str:
    return name.upper().replace("-", "_")


def within(seconds: float, ask: Callable[[], Response]) -> Response:
    """Return what `ask` does; raises TimeoutError where it is not done in time."""
    answers: list[Response | BaseException] = []

    def work() -> None:
        try:
            answers.append(ask())
        except BaseException as error:
            answers.append(error)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    worker.join(seconds)
    if not answers:
        raise TimeoutError(f"no answer within {seconds:g} s")
    if isinstance(answers[0], BaseException):
        raise answers[0]
    return answers[0]


def check(answer: Response, statuses: frozenset[int]) -> None:
    """Fail unless the answer has one of the statuses and, as a refusal, the form of a problem."""
    # It may be a picture.
    text = answer.get_data().decode(errors="replace")
    assert answer.status_code in statuses, f"{answer.status}: {text[:2000]}"
    assert answer.headers["X-Request-ID"]
    if answer.status_code < 400:
        return
    assert answer.content_type == "application/problem+json", text[:500]
    problem: dict[str, Any] = json.loads(answer.data, parse_constant=_refuse)
    assert {"type", "title", "status", "detail", "request_id"} <= problem.keys()
    assert problem["status"] == answer.status_code
    assert problem["request_id"] == answer.headers["X-Request-ID"]
    assert problem["title"]
    assert problem["detail"]
    assert not _SECRET.search(text), text[:2000]
    assert len(answer.data) < 8000


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


@contextlib.contextmanager
def served(folder: Path) -> Iterator[Flask]:
    """Give an application with the model `street` and small limits."""
    models = Models(folder / "models")
    models.add("street/1/street.h5")
    variables = {
        "MODEL_REPOSITORY": str(models.folder),
        "PREDICTION_LOG": str(folder / "predictions.sqlite"),
    }
    settings = Settings.from_environment(variables | LIMITS)
    client = LocalClient.start(settings.serving, kinds=[Thresholding()])
    try:
        assert client.wait_until_loaded(60)
        app = create_app(settings, client)
        yield app
        # Whoever keeps the file within bounds writes beside it: the folder goes next.
        app.extensions["slipway"].records.close()
    finally:
        client.close()
