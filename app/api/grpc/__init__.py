"""The Open Inference Protocol over gRPC: each call is asked of `/v2`, and answered by its answer.

Places, deadlines, ids, metrics and the log are those of `/v2`. nginx speaks HTTP/2 with clients,
and makes trailers of the headers that say how a call went; nothing here speaks gRPC by itself.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from werkzeug.wsgi import ClosingIterator

from app.api.grpc.calls import CALLS, Asked, CallError, Said

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: What the paths of all calls begin with.
PREFIX = "/inference.GRPCInferenceService/"
_TYPE = "application/grpc"
# A flag, that it is compressed, and the length of the message.
_FRAME_BYTES = 5
_TIMEOUT = re.compile(r"(\d{1,8})([HMSmun])")
_UNITS_S = {"H": 3600, "M": 60, "S": 1, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_LEAST_S = 0.001
# All that is printable in ASCII, but the percent sign.
_UNQUOTED = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")
_KEPT = frozenset({"x-request-id", "retry-after", "connection"})


class Grpc:
    """An application's outermost part.

    Args:
        app: what answers all else, and `/v2`.
        longest_s: the most that a request may ask to be given.
    """

    def __init__(self, app: WSGIApplication, longest_s: float) -> None:
        self._app, self._longest_s = app, longest_s

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path, content_type = environ.get("PATH_INFO", ""), environ.get("CONTENT_TYPE", "")
        is_call = path.startswith(PREFIX) and content_type.startswith(_TYPE)
        if not is_call or environ["REQUEST_METHOD"] != "POST":
            return self._app(environ, start_response)
        call = CALLS.get(path.removeprefix(PREFIX))
        if call is None:
            return self._refuse(environ, start_response, CallError(12, f"there is no {path}"))
        try:
            asked = call.ask(_message(environ))
        except CallError as error:
            return self._refuse(environ, start_response, error)
        said, close = self._ask(environ, asked)
        return _answer(start_response, said, close, call.answer(said))

    def _refuse(
        self, environ: WSGIEnvironment, start_response: StartResponse, error: CallError
    ) -> Iterable[bytes]:
        """Say why it is no call; the application counts it as a path at which there is nothing."""
        said, close = self._ask(environ, Asked(environ["PATH_INFO"], b""))
        return _answer(start_response, said, close, error)

    def _ask(self, environ: WSGIEnvironment, asked: Asked) -> tuple[Said, Callable[[], None]]:
        """Return what the application says, and what ends its answer."""
        body = asked.body or b""
        inner = {
            **environ,
            "REQUEST_METHOD": "GET" if asked.body is None else "POST",
            "PATH_INFO": asked.path,
            "QUERY_STRING": "",
            "CONTENT_TYPE": "application/octet-stream",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_INFERENCE_HEADER_CONTENT_LENGTH": str(asked.header_bytes),
            "wsgi.input": io.BytesIO(body),
        }
        for name in ("HTTP_X_REQUEST_TIMEOUT", "HTTP_CONTENT_ENCODING"):
            inner.pop(name, None)
        if timeout := _TIMEOUT.fullmatch(environ.get("HTTP_GRPC_TIMEOUT", "")):
            timeout_s = int(timeout[1]) * _UNITS_S[timeout[2]]
            inner["HTTP_X_REQUEST_TIMEOUT"] = (
                f"{max(_LEAST_S, min(timeout_s, self._longest_s)):.6f}"
            )
        said = Said()

        def start(status: str, headers: list[tuple[str, str]], _: Any = None) -> Any:
            said.status, said.headers = int(status[:3]), {k.lower(): v for k, v in headers}

        answer = self._app(inner, start)
        said.body = b"".join(answer)
        return said, getattr(answer, "close", lambda: None)


def _message(environ: WSGIEnvironment) -> bytes:
    """Return the one message of a call; raises CallError."""
    length = environ.get("CONTENT_LENGTH") or "0"
    data = environ["wsgi.input"].read(int(length)) if length.isdigit() else b""
    if len(data) < _FRAME_BYTES or int.from_bytes(data[1:_FRAME_BYTES]) != len(data) - _FRAME_BYTES:
        raise CallError(3, "the body is no single message")
    if data[0]:
        raise CallError(12, "the message is compressed; only identity is understood")
    return bytes(memoryview(data)[_FRAME_BYTES:])


def _answer(
    start_response: StartResponse,
    said: Said,
    close: Callable[[], None],
    outcome: bytes | CallError,
) -> Iterable[bytes]:
    frame = b"" if isinstance(outcome, CallError) else b"\0" + len(outcome).to_bytes(4) + outcome
    headers = [(name, value) for name, value in said.headers.items() if name in _KEPT]
    headers += [("Content-Type", _TYPE), ("Content-Length", str(len(frame)))]
    headers += [("grpc-status", str(outcome.code if isinstance(outcome, CallError) else 0))]
    if isinstance(outcome, CallError):
        headers += [("grpc-message", quote(str(outcome), safe=_UNQUOTED))]
    start_response("200 OK", headers)
    return ClosingIterator([frame], [close])
