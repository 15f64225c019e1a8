"""What a prediction request carries: its pictures, still encoded, and its parameters.

Three bodies are understood: a multipart form with the file `image`, the picture itself, and JSON
with base64. Beyond base64 nothing is decoded here, but the headers of several pictures are read.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass

from flask import Request
from pydantic import ValidationError

from app.api import problems, strict_json
from app.api.bodies import Picture
from app.api.parameters import MAX_PICTURES, PredictParameters, parse
from app.api.problems import ProblemError
from app.api.services import services
from app.images import ImageError, measure

_RAW_TYPES = ("", "application/octet-stream")
_BODIES = (
    "send the picture as the multipart field `image`, as the body itself "
    "(Content-Type: image/jpeg, image/png … or application/octet-stream), "
    'or as JSON {"image": {"b64": "…"}} or {"instances": [{"b64": "…"}]}'
)


@dataclass(frozen=True)
class PredictInput:
    """The pictures of one request; `is_list` when the answer is one too (`instances`)."""

    pictures: tuple[bytes, ...]
    parameters: PredictParameters
    is_list: bool = False


def read(request: Request) -> PredictInput:
    """Return what the request carries; raises ProblemError where it is not understood."""
    _check_length(request)
    if request.mimetype == "multipart/form-data":
        return _read_form(request)
    if request.mimetype == "application/json":
        return _read_json(request)
    if request.mimetype in _RAW_TYPES or request.mimetype.startswith("image/"):
        return PredictInput((_body(request),), parse(_query(request)))
    raise ProblemError(
        "unsupported-media-type", f"Content-Type {request.mimetype!r} is not understood; {_BODIES}"
    )


def _check_length(request: Request) -> None:
    """Refuse a body whose length is not known before it comes."""
    if request.headers.get("Transfer-Encoding"):
        raise ProblemError("length-required", "send the body with a Content-Length, not chunked")
    length = request.headers.get("Content-Length", "")
    if length and not (length.isascii() and length.isdigit()):
        detail = f"header 'Content-Length' is {length!r}: a whole number of bytes is expected"
        raise ProblemError("invalid-parameter", detail, field="Content-Length", value=length)


def _query(request: Request) -> Iterator[tuple[str, object]]:
    try:
        given = request.args
    except UnicodeDecodeError as error:
        shown = request.query_string.decode(errors="backslashreplace")
        # Its bytes are backslashed already: `repr` would do it again.
        detail = f"the query is '{shown}': UTF-8 is expected, percent-encoded"
        raise ProblemError("invalid-parameter", detail, field="query", value=shown) from error
    yield from given.items(multi=True)


def _body(request: Request) -> bytes:
    data = request.get_data(cache=False)
    if not data:
        raise ProblemError("missing-image", f"the body is empty; {_BODIES}", field="image")
    return data


def _read_form(request: Request) -> PredictInput:
    try:
        files = request.files.getlist("image")
    except ValueError as error:
        detail = f"the multipart form is broken: {error}; curl: -F image=@FILE"
        raise ProblemError("invalid-form", detail) from error
    if len(files) > 1:
        detail = f"{len(files)} files are named `image`; send one, or JSON with `instances`"
        raise ProblemError("missing-image", detail, field="image")
    if not files and "image" in request.form:
        value = request.form["image"]
        told = f"the field `image` is the text {value[:100]!r}, not a file: put @ before its name"
        detail = f"{told}; curl: -F image=@FILE"
        raise ProblemError("missing-image", detail, field="image", value=value)
    if not files:
        # A part may be without a name.
        names = ", ".join(sorted(map(str, {*request.files, *request.form}))) or "none"
        detail = f"the form has no file named `image` (its fields: {names}); curl: -F image=@FILE"
        raise ProblemError("missing-image", detail, field="image")
    for name in request.files:
        if name != "image":
            detail = f"the field {str(name)!r} is a file: `image` alone is one, others are text"
            raise ProblemError("invalid-parameter", detail, field=str(name))
    fields = [*_query(request), *request.form.items(multi=True)]
    return PredictInput((files[0].read(),), parse(fields))


def _read_json(request: Request) -> PredictInput:
    document = strict_json.parse(_body(request))
    if not isinstance(document, dict) or ("image" in document) == ("instances" in document):
        raise ProblemError(
            "missing-image", "the JSON has to be an object with either `image` or `instances`"
        )
    if "image" in document:
        picture = _base64(document.pop("image"), "image")
        return PredictInput((picture,), parse([*_query(request), *document.items()]))
    entries = document.pop("instances")
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_PICTURES:
        raise _no_list(entries)
    pictures = tuple(_base64(entry, f"instances[{i}]") for i, entry in enumerate(entries))
    parameters = parse([*_query(request), *_beside(document).items()])
    _check_sizes(pictures)
    return PredictInput(pictures, parameters, is_list=True)


def _no_list(entries: object) -> ProblemError:
    detail = f"`instances` has to be a list of 1 to {MAX_PICTURES} pictures"
    if not isinstance(entries, list):
        return ProblemError("missing-image", detail, field="instances")
    detail += f", not {len(entries):,}"
    members = {"value": len(entries), "limit": MAX_PICTURES}
    return ProblemError("missing-image", detail, field="instances", **members)


def _beside(document: dict[str, object]) -> dict[str, object]:
    """Return the parameters beside `instances`: their own object, or what else stands there."""
    if "parameters" not in document:
        return document
    others = ", ".join(f"`{name[:80]}`" for name in document if name != "parameters")
    parameters = document["parameters"]
    if others:
        detail = f"{others}: beside `parameters` and `instances` nothing else may stand"
        raise ProblemError("invalid-parameter", detail, field="parameters")
    if not isinstance(parameters, dict | None):
        detail = "`parameters` has to be an object"
        raise ProblemError("invalid-parameter", detail, field="parameters")
    return parameters or {}


def _check_sizes(pictures: tuple[bytes, ...]) -> None:
    """Refuse a list with a picture whose header is bad, or with too many pixels in all of them.

    They are decoded one by one, so that this is about the work, not about memory.
    """
    limit, pixels = services().settings.max_request_pixels, 0
    for index, picture in enumerate(pictures):
        field = f"instances[{index}]"
        try:
            width, height = measure(picture, services().image_limits)
        except ImageError as error:
            raise problems.of_image(error, field) from error
        pixels += width * height
        if pixels > limit:
            detail = (
                f"the pictures up to `{field}` have {pixels:,} pixels together; "
                f"at most {limit:,} are accepted in one request"
            )
            raise ProblemError(
                "image-too-large", detail, field=field, unit="pixels", value=pixels, limit=limit
            )


def _base64(entry: object, field: str) -> bytes:
    try:
        picture = Picture.model_validate(entry)
    except ValidationError:
        detail = f'`{field}` has to be {{"b64": "<base64 of it>"}}'
        raise ProblemError("missing-image", detail, field=field) from None
    try:
        return base64.b64decode(picture.b64, validate=True)
    except ValueError as error:
        raise ProblemError(
            "invalid-base64", f"`{field}.b64` is not base64: {error}", field=f"{field}.b64"
        ) from error
