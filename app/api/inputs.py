"""What a prediction request carries: its inputs, as they came, and its parameters.

Three bodies are understood: a multipart form with the file `image`, the picture itself, and JSON.
What an input has to be is for the face of the model to say that is asked.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from werkzeug import Request

from app.api import strict_json
from app.api.parameters import Given
from app.api.problems import ProblemError

_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_RAW_TYPES = ("", "application/octet-stream")
_BODIES = (
    "send the picture as the multipart field `image`, as the body itself "
    "(Content-Type: image/jpeg, image/png … or application/octet-stream), "
    'or as JSON {"image": {"b64": "…"}} or {"instances": [{"b64": "…"}]}'
)


@dataclass(frozen=True)
class Sent:
    """What one request carries; `is_list` when the answer is a list too (`instances`).

    An input is the bytes of a file, or a value of JSON; `parameters` are not checked yet.
    """

    inputs: tuple[object, ...]
    parameters: Given
    is_list: bool = False

    @property
    def fields(self) -> list[str]:
        """What the inputs are called in the request."""
        if not self.is_list:
            return ["image"]
        return [f"instances[{index}]" for index in range(len(self.inputs))]


def read(request: Request) -> Sent:
    """Return what the request carries; raises ProblemError where it is not understood."""
    check_length(request)
    if request.mimetype == "multipart/form-data":
        return _read_form(request)
    if request.mimetype == "application/json":
        return _read_json(request)
    if request.mimetype in _RAW_TYPES or request.mimetype.startswith("image/"):
        return Sent((_body(request),), [*query(request)])
    raise ProblemError(
        "unsupported-media-type", f"Content-Type {request.mimetype!r} is not understood; {_BODIES}"
    )


def check_length(request: Request) -> None:
    """Refuse a body whose length is not known before it comes."""
    head = request.environ
    if head.get("HTTP_TRANSFER_ENCODING"):
        raise ProblemError("length-required", "send the body with a Content-Length, not chunked")
    length = head.get("CONTENT_LENGTH", "")
    if length and not (length.isascii() and length.isdigit()):
        detail = f"header 'Content-Length' is {length!r}: a whole number of bytes is expected"
        raise ProblemError("invalid-parameter", detail, field="Content-Length", value=length)


def unpacked(request: Request) -> bytes:
    """Return the body of a request of another protocol, whose clients may compress it.

    Raises ProblemError, also where it would be larger than a body may be.
    """
    check_length(request)
    data = request.get_data(cache=False)
    coding = request.environ.get("HTTP_CONTENT_ENCODING", "identity").strip().lower()
    if coding == "identity":
        return data
    if coding not in ("gzip", "deflate"):
        detail = f"Content-Encoding is {coding[:80]!r}: gzip and deflate are understood"
        raise ProblemError("unsupported-media-type", detail, field="Content-Encoding")
    limit = request.max_content_length or len(data)
    unpacking = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        whole = unpacking.decompress(data, limit)
    except zlib.error as error:
        raise ProblemError("incomplete-body", f"the body is not {coding}: {error}") from None
    if unpacking.unconsumed_tail:
        detail = f"the body has more than {limit:,} bytes, which are accepted, once it is unpacked"
        raise ProblemError("body-too-large", detail, limit=limit)
    if not unpacking.eof:
        raise ProblemError("incomplete-body", f"the body's {coding} is cut off")
    return whole


def query(request: Request) -> Iterator[tuple[str, object]]:
    """Yield the parameters of the query; raises ProblemError (400)."""
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
        raise ProblemError("missing-input", f"the body is empty; {_BODIES}", field="image")
    return data


def _read_form(request: Request) -> Sent:
    try:
        files = request.files.getlist("image")
    except ValueError as error:
        detail = f"the multipart form is broken: {error}; curl: -F image=@FILE"
        raise ProblemError("invalid-form", detail) from error
    if len(files) > 1:
        detail = f"{len(files)} files are named `image`; send one, or JSON with `instances`"
        raise ProblemError("missing-input", detail, field="image")
    if not files and "image" in request.form:
        value = request.form["image"]
        told = f"the field `image` is the text {value[:100]!r}, not a file: put @ before its name"
        detail = f"{told}; curl: -F image=@FILE"
        raise ProblemError("missing-input", detail, field="image", value=value)
    if not files:
        # A part may be without a name.
        names = ", ".join(sorted(map(str, {*request.files, *request.form}))) or "none"
        detail = f"the form has no file named `image` (its fields: {names}); curl: -F image=@FILE"
        raise ProblemError("missing-input", detail, field="image")
    for name in request.files:
        if name != "image":
            detail = f"the field {str(name)!r} is a file: `image` alone is one, others are text"
            raise ProblemError("invalid-parameter", detail, field=str(name))
    fields = [*query(request), *request.form.items(multi=True)]
    return Sent((files[0].read(),), fields)


def _read_json(request: Request) -> Sent:
    document = strict_json.parse(_body(request))
    if not isinstance(document, dict) or ("image" in document) == ("instances" in document):
        raise ProblemError(
            "missing-input", "the JSON has to be an object with either `image` or `instances`"
        )
    if "image" in document:
        image = document.pop("image")
        return Sent((image,), [*query(request), *document.items()])
    entries = document.pop("instances")
    if not isinstance(entries, list) or not entries:
        raise _no_list(entries)
    parameters = [*query(request), *_beside(document).items()]
    return Sent(tuple(entries), parameters, is_list=True)


def _no_list(entries: object) -> ProblemError:
    detail = "`instances` has to be a list of inputs"
    if entries == []:
        return ProblemError("missing-input", f"{detail}, not empty", field="instances", value=0)
    return ProblemError("missing-input", detail, field="instances")


def check_count(sent: Sent, limit: int) -> None:
    """Raise ProblemError for more inputs than a model takes in one request."""
    count = len(sent.inputs)
    if count > limit:
        detail = f"`instances` has to be a list of 1 to {limit:,} inputs, not {count:,}"
        members = {"value": count, "limit": limit}
        raise ProblemError("missing-input", detail, field="instances", **members)


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
