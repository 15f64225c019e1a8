"""Every refusal and failure as an RFC 9457 problem: the one place where errors get a status.

`detail` is a sentence for the person who sent the request. A stack trace goes to the log, never
into an answer.
"""

from __future__ import annotations

import json
import math
from http import HTTPStatus
from typing import Any, cast

from flask import Flask, Response, g, request
from werkzeug import Request
from werkzeug.exceptions import (
    ClientDisconnected,
    HTTPException,
    MethodNotAllowed,
    NotFound,
    RequestEntityTooLarge,
)

from app import log
from app.api import dialects
from app.api.answers import Problem
from app.api.dialects import Dialect
from app.images import (
    ImageError,
    ImageFramesError,
    ImageTimeoutError,
    ImageTooLargeError,
    ImageUnreadableError,
    ImageUnrecognisedError,
)
from app.images.formats import FORMATS
from app.kinds.face import GivenError
from app.kinds.pictures import PictureError
from app.serving import errors

#: slug: (status, title). The slug is the last part of the problem's `type`.
PROBLEMS = {
    "invalid-parameter": (400, "A parameter does not fit"),
    "invalid-json": (400, "The body is not JSON"),
    "invalid-base64": (400, "The picture is not base64"),
    "invalid-form": (400, "The form is broken"),
    "incomplete-body": (400, "The body ended too early"),
    "missing-input": (400, "There is no input in the request"),
    "invalid-input": (400, "An input does not fit"),
    "model-ambiguous": (400, "Several models are served and none was named"),
    "model-control-refused": (403, "Models are not to be told to load or to unload"),
    "predictions-closed": (403, "The prediction log is not to be read"),
    "prediction-not-found": (404, "There is no such prediction"),
    "model-not-found": (404, "There is no such model"),
    "version-not-found": (404, "The model has no such version"),
    "sample-not-found": (404, "There is no such sample"),
    "problem-not-found": (404, "There is no such problem"),
    "not-acceptable": (406, "No form of the answer is accepted"),
    "length-required": (411, "The length of the body is not known"),
    "body-too-large": (413, "The body is too large"),
    "image-too-large": (413, "The picture is too large"),
    "image-too-many-frames": (413, "The picture has too many frames"),
    "uri-too-long": (414, "The path and the query are too long"),
    "unsupported-media-type": (415, "The body is of a type that is not understood"),
    "image-unrecognised": (415, "The picture is in no known format"),
    "image-unreadable": (422, "The picture is damaged"),
    "input-not-accepted": (422, "The model cannot take this input"),
    "model-load-failed": (422, "The model cannot be loaded"),
    "image-decode-timeout": (422, "The picture takes too long to decode"),
    "too-many-requests": (429, "The server has more to do than it can"),
    "head-too-large": (431, "The head of the request is too large"),
    "client-gone": (499, "The client has hung up"),
    "internal-error": (500, "Something went wrong in the server"),
    "inference-failed": (500, "The model failed on this picture"),
    "worker-died": (502, "The process that worked on the request died"),
    "inference-unavailable": (503, "The models are not available just now"),
    "model-not-ready": (503, "The model is not ready"),
    "not-ready": (503, "The server is not ready"),
    "log-full": (503, "The prediction log is full"),
    "log-unavailable": (503, "The prediction log cannot be read just now"),
    "inference-timeout": (504, "The model took too long"),
    "answer-timeout": (504, "The answer took too long"),
    "insufficient-storage": (507, "The server has no room for the body"),
}

#: Problems that pass by themselves: `Retry-After` says when to ask again.
PASSING = frozenset(
    {
        "too-many-requests",
        "worker-died",
        "inference-unavailable",
        "model-not-ready",
        "not-ready",
        "log-full",
        "log-unavailable",
        "inference-timeout",
        "answer-timeout",
    }
)


def _slug(status: int) -> str:
    return HTTPStatus(status).phrase.lower().replace(" ", "-")


#: Refusals of Flask and Werkzeug, named for their status.
_OF_HTTP = {_slug(status): (status.value, status.phrase) for status in HTTPStatus if status >= 400}
#: How long a client is asked to wait where nothing better is known.
RETRY_AFTER_S = 5.0
#: How much a problem says of what a client sent, which may be megabytes.
LONGEST_DETAIL, LONGEST_MEMBER = 1000, 200

_OF_IMAGE_ERRORS: dict[type[ImageError], str] = {
    ImageTooLargeError: "image-too-large",
    ImageFramesError: "image-too-many-frames",
    ImageTimeoutError: "image-decode-timeout",
    ImageUnrecognisedError: "image-unrecognised",
    ImageUnreadableError: "image-unreadable",
}


class ProblemError(Exception):
    """A problem on its way to the client: its slug, what to say, and what else to name."""

    def __init__(
        self, slug: str, detail: str, *, retry_after_s: float | None = None, **members: object
    ) -> None:
        super().__init__(detail)
        self.slug = slug
        self.status, self.title = PROBLEMS.get(slug) or _OF_HTTP[slug]
        self.detail = _shortened(detail, LONGEST_DETAIL)
        self.retry_after_s = retry_after_s
        self.members = members

    def document(self, request_id: str) -> Problem:
        """Return what the answer says."""
        document = {
            "type": f"/problems/{self.slug}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "request_id": request_id,
            **{name: _presentable(value) for name, value in self.members.items()},
        }
        return cast(Problem, document)

    def response(self) -> Response:
        """Return the problem as an answer, in the dialect of the protocol that is spoken."""
        g.problem, g.problem_detail = self.slug, self.detail
        dialect = _dialect()
        status = dialect.status(self.status) if dialect else self.status
        return Response(self.body(g.request_id, dialect), status, self.headers(dialect))

    def body(self, request_id: str, dialect: Dialect | None = None) -> bytes:
        """Return the document as it is sent."""
        if dialect:
            return dialect.body(self.detail)
        # Half a surrogate pair, as JSON may hold, has no UTF-8; backslashed it is JSON again.
        text = json.dumps(self.document(request_id), ensure_ascii=False)
        return text.encode(errors="backslashreplace") + b"\n"

    def headers(self, dialect: Dialect | None = None) -> dict[str, str]:
        """Return the headers that belong to it."""
        media_type = "application/json" if dialect else "application/problem+json"
        headers = {"Content-Type": media_type}
        if self.retry_after_s is not None:
            headers["Retry-After"] = str(max(1, round(self.retry_after_s)))
        return headers


def _dialect() -> Dialect | None:
    """Return that of the current request: its route's, or of its path where it has none."""
    if request.url_rule is None:
        return dialects.of_path(request.path)
    return dialects.of_blueprint(request.blueprint)


def _presentable(value: object) -> object:
    """Return a member as JSON can hold it, and no longer than it is of use."""
    if isinstance(value, str):
        return _shortened(value, LONGEST_MEMBER)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[:longest] + "…"


def of_image(error: ImageError, field: str = "image") -> ProblemError:
    """Return the problem of a picture that cannot be taken; `field` says which one."""
    members: dict[str, Any] = {"field": field}
    match error:
        case ImageTooLargeError():
            members |= {"unit": error.unit, "value": error.value, "limit": error.limit}
        case ImageFramesError():
            members |= {"unit": "frames", "value": error.value, "limit": error.limit}
        case ImageTimeoutError():
            members |= {"unit": "seconds", "limit": error.limit_s}
        case ImageUnrecognisedError():
            members |= {"allowed": FORMATS}
    return ProblemError(_OF_IMAGE_ERRORS[type(error)], str(error), **members)


def of_serving(error: errors.ServingError, field: str = "image") -> ProblemError:
    """Return the problem of a prediction that could not be made; `field` holds the picture."""
    detail = str(error)
    match error:
        case errors.ModelNotFound():
            return _not_found("model", error.name, error.available, detail)
        case errors.VersionNotFound():
            return _not_found("version", error.version, error.available, detail)
        case errors.ModelAmbiguous():
            return ProblemError("model-ambiguous", detail, field="model", allowed=error.names)
        case errors.ModelNotReady():
            return ProblemError("model-not-ready", detail, retry_after_s=RETRY_AFTER_S)
        case errors.LoadFailed():
            return ProblemError("model-load-failed", detail)
        case errors.InferenceOverloaded():
            wait_s = error.retry_after_s
            return ProblemError("too-many-requests", detail, retry_after_s=wait_s)
        case errors.InputRefused():
            return _of_input(error, field)
        case errors.CallerGone():
            return ProblemError("client-gone", detail)
        case errors.InferenceUnavailable():
            wait_s = error.retry_after_s
            return ProblemError("inference-unavailable", detail, retry_after_s=wait_s)
        case errors.ModelChanged():
            return ProblemError("inference-unavailable", detail, retry_after_s=1)
        case errors.InferenceTimeout():
            return ProblemError("inference-timeout", detail, retry_after_s=RETRY_AFTER_S)
        case _:
            return ProblemError("inference-failed", detail)


def _of_input(error: errors.InputRefused, field: str) -> ProblemError:
    if error.name is not None:
        field = f"{field}.{error.name}"
    if error.unit is None:
        return ProblemError("input-not-accepted", error.reason, field=field)
    members: dict[str, Any] = {"unit": error.unit, "value": error.value, "limit": error.limit}
    return ProblemError("image-too-large", error.reason, field=field, **members)


def of_given(error: GivenError) -> ProblemError:
    """Return the problem of what a client gave, as the face of its model names it."""
    members: dict[str, Any] = {**error.members}
    return ProblemError(error.problem, error.reason, **members)


def of_dead_worker() -> ProblemError:
    """Return the problem of a request whose process has died; nginx says it."""
    return ProblemError(
        "worker-died", "the process that worked on this request died; ask again", retry_after_s=1
    )


def _not_found(field: str, value: object, allowed: object, detail: str) -> ProblemError:
    return ProblemError(f"{field}-not-found", detail, field=field, value=value, allowed=allowed)


def of_error(error: Exception, request: Request, request_id: str) -> ProblemError:
    """Return the problem of whatever an answer was not made for; a surprise goes to the log."""
    match error:
        case ProblemError():
            return error
        case GivenError():
            return of_given(error)
        case PictureError():
            return of_image(error.error, error.field)
        case errors.ServingError():
            return of_serving(error)
        case RequestEntityTooLarge():
            return _of_large_body(request)
        case ClientDisconnected():
            told = f"the {request.content_length:,} bytes that were announced"
            detail = f"the body has less than {told}"
            return ProblemError("incomplete-body", detail, field="Content-Length")
        case HTTPException(code=int(status)) if status >= 400:
            return ProblemError(_slug(status), error.description or HTTPStatus(status).phrase)
        case _:
            name = type(error).__name__
            log.event("error", "ERROR", exception=True, request_id=request_id, error=name)
            return ProblemError("internal-error", "the log has more, under this request id")


def register(app: Flask) -> None:
    """Answer every error of the application, Flask's own too, with a problem."""
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(
        Exception, lambda error: of_error(error, request, g.request_id).response()
    )


def _of_http(error: HTTPException) -> Response:
    if error.response is not None or error.code is None or error.code < 400:
        return cast(Response, error.get_response())
    if request.url_rule is None and (dialect := _dialect()) and dialect.no_route:
        return _of_unrouted(dialect)
    detail, members = _of_route(error)
    detail = detail or error.description or HTTPStatus(error.code).phrase
    response = ProblemError(_slug(error.code), detail, **members).response()
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            response.headers[name] = value
    return response


def _of_unrouted(dialect: Dialect) -> Response:
    told = dialect.no_route.format(method=request.method, path=request.path)
    return ProblemError("bad-request", told).response()


def _of_route(error: HTTPException) -> tuple[str, dict[str, Any]]:
    if isinstance(error, NotFound):
        detail = f"there is nothing at {request.path!r}; /docs lists what there is"
        return detail, {"field": "path", "value": request.path}
    if isinstance(error, MethodNotAllowed):
        allowed = sorted(error.valid_methods or ())
        detail = f"the method is {request.method}; {request.path} takes {', '.join(allowed)}"
        return detail, {"field": "method", "value": request.method, "allowed": allowed}
    return "", {}


def _of_large_body(request: Request) -> ProblemError:
    value, limit = request.content_length or 0, request.max_content_length or 0
    if value <= limit:
        detail = "the form has too many parts, or a long one that is no file: -F image=@FILE"
        return ProblemError("body-too-large", detail)
    detail = f"the body has {value:,} bytes; at most {limit:,} are accepted"
    return ProblemError("body-too-large", detail, value=value, limit=limit)
