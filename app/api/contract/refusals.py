"""An example of each problem. Where an error or a check makes it, that error or check does here."""

from __future__ import annotations

from collections.abc import Callable

from app.api.answers import Problem
from app.api.negotiation import answer_form
from app.api.parameters import parse
from app.api.predictions.access import closed, not_found
from app.api.problems import RETRY_AFTER_S, ProblemError, of_dead_worker, of_image, of_serving
from app.api.recording import log_full
from app.images import (
    ImageFramesError,
    ImageTimeoutError,
    ImageTooLargeError,
    ImageUnreadableError,
    ImageUnrecognisedError,
)
from app.kinds.face import Parameters
from app.kinds.registry import faces
from app.serving import errors

_REQUEST_ID = "01JD6Z8M1T7C4N9E5H3YVQ0KSA"


def refusal(slug: str) -> Problem:
    """Return what a problem may say; raises KeyError for one that does not exist."""
    make = REFUSALS.get(slug, lambda: ProblemError(slug, ""))
    problem = make()
    problem.detail = problem.detail or f"{problem.title}."
    return problem.document(_REQUEST_ID)


def _raised(work: Callable[[], object]) -> ProblemError:
    try:
        work()
    except ProblemError as problem:
        return problem
    raise AssertionError("nothing was refused")


def _invalid_parameter() -> ProblemError:
    return _raised(lambda: parse(Parameters, [("version", "-1")]))


def _not_acceptable() -> ProblemError:
    face = next(iter(faces().values()))
    return _raised(lambda: answer_form(face, face.parameters(), "text/csv", is_list=False))


def _body_too_large() -> ProblemError:
    detail = "the body has 61,865,984 bytes; at most 45,787,818 are accepted"
    return ProblemError("body-too-large", detail, value=61_865_984, limit=45_787_818)


def _not_ready() -> ProblemError:
    models = [{"name": "street", "version": 3, "state": "loading"}]
    return ProblemError("not-ready", "street version 3 is loading", models=models)


REFUSALS: dict[str, Callable[[], ProblemError]] = {
    "invalid-parameter": _invalid_parameter,
    "invalid-json": lambda: ProblemError(
        "invalid-json", "the body is not JSON: Expecting value: line 1 column 11 (char 10)"
    ),
    "invalid-base64": lambda: ProblemError(
        "invalid-base64",
        "`image.b64` is not base64: Only base64 data is allowed",
        field="image.b64",
    ),
    "invalid-form": lambda: ProblemError(
        "invalid-form", "the multipart form is broken: Missing boundary; curl: -F image=@FILE"
    ),
    "incomplete-body": lambda: ProblemError(
        "incomplete-body",
        "the body has less than the 482,113 bytes that were announced",
        field="Content-Length",
    ),
    "missing-input": lambda: ProblemError(
        "missing-input",
        "the form has no file named `image` (its fields: photo); curl: -F image=@FILE",
        field="image",
    ),
    "invalid-input": lambda: ProblemError(
        "invalid-input",
        "`instances[0].petal_length` is 'long': a number is expected",
        field="instances[0].petal_length",
        value="long",
    ),
    "model-control-refused": lambda: ProblemError(
        "model-control-refused",
        "MODEL_CONTROL is 'off': with 'on' models may be told to load and to unload",
    ),
    "model-load-failed": lambda: of_serving(
        errors.LoadFailed("street version 4 failed: street.h5 is empty: it has 0 bytes")
    ),
    "model-ambiguous": lambda: of_serving(errors.ModelAmbiguous(["harbour", "street"])),
    "predictions-closed": lambda: closed(
        "PREDICTIONS", "closed", "with 'open' whoever reaches the port may read the log"
    ),
    "prediction-not-found": lambda: not_found("01JD6Z8M1T7C4N9E5H3YVQ0KSB"),
    "model-not-found": lambda: of_serving(errors.ModelNotFound("strete", ["street"])),
    "version-not-found": lambda: of_serving(errors.VersionNotFound("street", 7, [3])),
    "sample-not-found": lambda: ProblemError(
        "sample-not-found", "there is no sample 'crossing.gif' of model 'street'"
    ),
    "problem-not-found": lambda: ProblemError(
        "problem-not-found", "there is no problem 'image-too-small'", field="slug"
    ),
    "not-acceptable": _not_acceptable,
    "length-required": lambda: ProblemError(
        "length-required", "send the body with a Content-Length, not chunked"
    ),
    "body-too-large": _body_too_large,
    "image-too-large": lambda: of_image(ImageTooLargeError("pixels", 96_000_000, 50_000_000)),
    "image-too-many-frames": lambda: of_image(ImageFramesError(1001, 1000)),
    "uri-too-long": lambda: ProblemError(
        "uri-too-long", "the path and the query have more than 32 KiB"
    ),
    "head-too-large": lambda: ProblemError(
        "head-too-large", "the head of the request has more than 32 KiB"
    ),
    "unsupported-media-type": lambda: ProblemError(
        "unsupported-media-type",
        "Content-Type 'text/plain' is not understood; send the picture as the multipart field "
        "`image`, as the body itself, or as JSON",
    ),
    "image-unrecognised": lambda: of_image(
        ImageUnrecognisedError("the 11 bytes are no picture in a known format")
    ),
    "image-unreadable": lambda: of_image(
        ImageUnreadableError("the PNG picture is damaged: image file is truncated")
    ),
    "input-not-accepted": lambda: of_serving(
        errors.InputRefused(
            "the photo is 300 x 237 pixels; resize mode 'none' needs sides that are multiples of 64"
        )
    ),
    "image-decode-timeout": lambda: of_image(ImageTimeoutError(10)),
    "too-many-requests": lambda: of_serving(
        errors.InferenceOverloaded("32 requests are in work or wait already; at most 32 may", 4)
    ),
    "internal-error": lambda: ProblemError(
        "internal-error", "the log has more, under this request id"
    ),
    "inference-failed": lambda: of_serving(
        errors.InferenceFailed("street version 3 failed on this picture")
    ),
    "worker-died": of_dead_worker,
    "inference-unavailable": lambda: of_serving(
        errors.InferenceUnavailable("the inference process ended before it answered", 5)
    ),
    "model-not-ready": lambda: of_serving(errors.ModelNotReady("street version 3 is loading")),
    "not-ready": _not_ready,
    "log-full": log_full,
    "log-unavailable": lambda: ProblemError(
        "log-unavailable",
        "predictions.sqlite: database is locked",
        retry_after_s=RETRY_AFTER_S,
    ),
    "inference-timeout": lambda: of_serving(errors.InferenceTimeout(60)),
    "answer-timeout": lambda: ProblemError(
        "answer-timeout", "there was no answer within 180 s", retry_after_s=RETRY_AFTER_S
    ),
    "insufficient-storage": lambda: ProblemError(
        "insufficient-storage", "there is no room left for the body of the request"
    ),
}
