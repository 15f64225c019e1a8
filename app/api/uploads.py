"""How the body of a request is read: strictly, in memory, and always to its end.

A form that is broken is an error, not an empty form; a file of a form needs no folder for temporary
files; and what a refusal has left unread is read before it is sent: a sender who is cut off sees a
broken connection in place of the reason.
"""

from __future__ import annotations

import contextlib
import io
import time
from typing import IO, Any, Protocol, cast

import flask
from flask import Flask, Response, request
from werkzeug import Request
from werkzeug.formparser import FormDataParser

#: How much of a refused body is read, and for how long.
MAX_DRAIN = 256 << 20
MAX_DRAIN_S = 30.0
#: A form has one file and a few short fields.
MAX_FORM_PARTS = 100
MAX_FORM_FIELD_BYTES = 500_000

_BLOCK = 1 << 16


class Readable(Protocol):
    """A body as the server gives it."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, none at the end."""


class _CountedBody:
    """The server's stream of the body, which does not tell how much of it was read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.read_bytes = 0

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self.read_bytes += len(data)
        return data


class _StrictFormParser(FormDataParser):
    """Raises ValueError for a form that is broken."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options | {"silent": False})


class _Counted(Request):
    """A request that tells how much of its body is still unread."""

    def __init__(self, environ: dict[str, Any], *arguments: Any, **options: Any) -> None:
        environ["wsgi.input"] = self._body = _CountedBody(environ["wsgi.input"])
        super().__init__(environ, *arguments, **options)

    def drain(self) -> None:
        """Read what the client is still sending."""
        drain(self._body, (self.content_length or 0) - self._body.read_bytes)


class UploadRequest(_Counted):
    """A request whose body is a photo, or whatever else a model takes.

    Args:
        environ: WSGI's.
        most_bytes: that its body may have.
    """

    form_data_parser_class = _StrictFormParser
    max_form_parts = MAX_FORM_PARTS
    max_form_memory_size = MAX_FORM_FIELD_BYTES

    def __init__(self, environ: dict[str, Any], most_bytes: int) -> None:
        super().__init__(environ)
        self.max_content_length = most_bytes

    def _get_file_stream(self, *_arguments: Any, **_options: Any) -> IO[bytes]:
        return io.BytesIO()


class _PageRequest(_Counted, flask.Request):
    """A request whose body nothing reads."""


def drain(body: Readable, left: int) -> None:
    """Read the `left` bytes of a body to their end, unless that is no photo by any measure."""
    left = min(left, MAX_DRAIN)
    end = time.monotonic() + MAX_DRAIN_S
    # OSError: the client has hung up.
    with contextlib.suppress(OSError):
        while left > 0 and time.monotonic() < end:
            data = body.read(min(left, _BLOCK))
            if not data:
                return
            left -= len(data)


def register(app: Flask) -> None:
    """Read the bodies that come where none is expected."""
    app.request_class = _PageRequest
    app.after_request(_drain)


def _drain(response: Response) -> Response:
    cast(_PageRequest, request).drain()
    return response
