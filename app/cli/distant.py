"""Asks a server for `slipway predict --url`, with the standard library, and tells its answer.

It sends a file as it is and reads JSON: whatever the server's models are, none is known here.
"""

from __future__ import annotations

import http.client
import io
import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from PIL import Image

from app.cli.terminal import CommandError, counted, printable, shortened
from app.kinds.face import Summary

_TIMEOUT_S = 120.0
_LONGEST_REASON = 300


class DistantError(Exception):
    """A server did not answer about a file; the text is one line."""


class DistantServer:
    """The server at `url`, whose `model` is asked; raises CommandError where `url` is none."""

    def __init__(self, url: str, model: str | None, min_score: float | None) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise CommandError(f"--url {url!r}: an address as http://localhost:8080 is needed", 2)
        self._url = url.rstrip("/")
        given = {"model": model, "min_score": min_score}
        self._asked = {name: value for name, value in given.items() if value is not None}

    def answer(self, sent: bytes) -> dict[str, Any]:
        """Return the answer about a file's bytes; raises DistantError."""
        try:
            answer = json.loads(self._ask(sent))
            summary_of(answer)
        except (AttributeError, KeyError, TypeError, ValueError):
            raise DistantError(f"{self._url} does not answer as a Slipway server does") from None
        return dict(answer)

    def drawing(self, sent: bytes) -> Image.Image:
        """Return the picture with what was found, from a request of its own."""
        with Image.open(io.BytesIO(self._ask(sent, format="png"))) as drawn:
            drawn.load()
        return drawn

    def _ask(self, sent: bytes, **form: str) -> bytes:
        query = urllib.parse.urlencode(self._asked | form)
        headers = {"Content-Type": "application/octet-stream", "Accept": "application/json"}
        request = urllib.request.Request(f"{self._url}/predict?{query}", sent, headers)
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
                body: bytes = response.read()
        except urllib.error.HTTPError as error:
            with error:
                raise DistantError(_reason(error.code, error.read())) from None
        except (OSError, http.client.HTTPException) as error:
            told = getattr(error, "reason", None) or str(error) or type(error).__name__
            raise DistantError(f"no answer from {self._url}: {told}") from None
        return body


def _reason(status: int, body: bytes) -> str:
    try:
        told = str(json.loads(body)["detail"])
    except (KeyError, TypeError, ValueError):
        told = f"status {status}"
    return shortened(printable(told), _LONGEST_REASON)


def summary_of(answer: Any) -> Summary:
    """Return what an answer says, for a person; raises KeyError or TypeError where it is none."""
    if not isinstance(answer["timing_ms"]["inference"], int | float):
        raise TypeError("the time is no number")
    rows: list[tuple[object, ...]]
    if "outputs" in answer:
        rows = [("output", "value")]
        for name, value in answer["outputs"].items():
            rows.append((name, shortened(json.dumps(value, ensure_ascii=False), 80)))
        return Summary(counted(len(rows) - 1, "output"), "one instance", rows)
    size = f"{answer['image']['width']} x {answer['image']['height']} pixels"
    if "instances" in answer:
        rows = [("label", "score", "x", "y", "width", "height")]
        for one in answer["instances"]:
            box = one["box"]
            width, height = box["x_max"] - box["x_min"], box["y_max"] - box["y_min"]
            rows.append(
                (one["label"], f"{one['score']:.3f}", box["x_min"], box["y_min"], width, height)
            )
        found = counted(len(rows) - 1, "instance")
        return Summary(found, size, rows if len(rows) > 1 else (), right=" >>>>>")
    if "segments" in answer:
        rows = [("label", "share", "pixels")]
        rows += [(one["label"], f"{one['share']:.1%}", one["area"]) for one in answer["segments"]]
        count = len(rows) - 1
        return Summary(f"{count} class{'' if count == 1 else 'es'}", size, rows, right=" >>")
    classes = answer["predictions"]
    rows = [("label", "score"), *((one["label"], f"{one['score']:.3f}") for one in classes)]
    return Summary(classes[0]["label"], size, rows, right=" >")
