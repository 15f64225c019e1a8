"""Requests made to do harm beside their bodies: parameters, headers, methods and paths."""

from __future__ import annotations

from collections.abc import Iterator

from tests.app.api.hostile.sending import BAD_REQUEST, NO_PICTURE, TAKEN, TOO_LARGE, Hostile
from tests.app.pictures.making import encode, scene

_PHOTO = encode(scene(), "PNG")
_NOT_FOUND = frozenset({404})
_NOT_ALLOWED = frozenset({405})

_REFUSED_QUERIES = (
    "min_score=",
    "min_score=nan",
    "min_score=inf",
    "min_score=1e400",
    "min_score=-0.1",
    "min_score=0x1p-1",
    "min_score=1_0",
    "min_score=%D9%A1",
    "min_score=" + "9" * 9000,
    "min_score=0." + "0" * 9000 + "1x",
    "min_score=%00",
    "min_score=%ff%fe",
    "min_score=0.5%20x",
    "min_score=0.5&min_score=0.5",
    "max_instances=0",
    "max_instances=1001",
    "max_instances=-1",
    "max_instances=1.5",
    "max_instances=1e3x",
    "max_instances=" + "9" * 5000,
    "version=0",
    "version=2147483648",
    "version=-latest",
    "version=%31%00",
    "masks=RLE",
    "masks=rle,png",
    "masks=%F0%9F%98%80",
    "render=jpg",
    "format=xml",
    "format=coco&masks=png",
    "format=json&render=png",
    "image_id=-1",
    "image_id=9007199254740993",
    "hello=world",
    "Masks=rle",
    "=rle",
    "&&&=&&",
    "masks",
    "%",
    "%zz=%zz",
    "image=x",
    "instances=x",
    "x" * 30_000,
    "a=1&" * 5000,
    "__class__=1",
    "masks[]=rle",
    "model=",
)


def heads() -> Iterator[Hostile]:
    """Yield them all."""
    for kind in (_parameters, _models, _types, _lengths, _headers, _methods, _paths):
        yield from kind()


def _parameters() -> Iterator[Hostile]:
    for query in _REFUSED_QUERIES:
        yield Hostile(f"query-{query[:40]}-{len(query)}", BAD_REQUEST, _PHOTO, query=query)
    for query in ("", "?", "&", "min_score=0&max_instances=1&masks=none&format=json"):
        yield Hostile(f"query-sound-{query}", TAKEN, _PHOTO, query=query.strip("?"))


def _models() -> Iterator[Hostile]:
    for model in ("../street", "street%00", "%ff", "x" * 20_000, "street/1", "%0d%0aX: y", "{0}"):
        yield Hostile(f"model-{model[:20]}", _NOT_FOUND, _PHOTO, query=f"model={model}")
    yield Hostile("model-version", _NOT_FOUND, _PHOTO, query="version=2147483647")


def _types() -> Iterator[Hostile]:
    unsupported = NO_PICTURE
    for content_type in (
        "text/plain",
        "text/html; charset=utf-8",
        "application/x-www-form-urlencoded",
        "application/xml",
        "application/json-patch+json",
        "multipart/mixed; boundary=b",
        "multipart/",
        "video/mp4",
        "*/*",
        "image",
        "/",
        "\xff\xfe",
        "x" * 9000,
        "application/json, image/png",
    ):
        name = f"type-{content_type[:30]!a}"
        yield Hostile(name, unsupported | BAD_REQUEST, _PHOTO, content_type)
    for content_type in (
        None,
        "",
        ";;;",
        "image/png; charset=utf-16",
        "IMAGE/PNG",
        "image/anything",
    ):
        yield Hostile(f"type-sound-{content_type}", TAKEN, _PHOTO, content_type)


def _lengths() -> Iterator[Hostile]:
    for length in ("abc", "-1", "1e9", "0x10", "1 2", "+5", "\xb2", "1" * 30):
        statuses = TOO_LARGE if length.isascii() and length.isdigit() else BAD_REQUEST
        environ = {"CONTENT_LENGTH": length}
        yield Hostile(f"length-{length!a}", statuses, _PHOTO, environ=environ)
    for length in (0, len(_PHOTO) - 1, len(_PHOTO) + 1):
        environ = {"CONTENT_LENGTH": str(length)}
        statuses = frozenset({200, 400, 422})
        yield Hostile(f"length-lies-{length - len(_PHOTO)}", statuses, _PHOTO, environ=environ)
    for encoding in ("chunked", "gzip, chunked", "identity", "nonsense"):
        headers = {"Transfer-Encoding": encoding}
        yield Hostile(f"encoding-{encoding}", frozenset({411}), _PHOTO, headers=headers)
    large = bytes(3_500_000)
    yield Hostile("body-too-large", TOO_LARGE, large)
    yield Hostile("body-too-large-as-json", TOO_LARGE, large, "application/json")
    yield Hostile("body-too-large-as-form", TOO_LARGE, large, "multipart/form-data; boundary=b")


def _headers() -> Iterator[Hostile]:
    for name, value, statuses in (
        ("Accept", "text/csv", frozenset({406})),
        ("Accept", "image/png;q=0, */*;q=0", frozenset({406})),
        ("Accept", "\xff" * 99, TAKEN | {406}),
        ("Accept", "image/png;q=nan", TAKEN | {406}),
        ("Accept", "*/*," * 9000, TAKEN | {406}),
        ("Accept", "a/b;" * 9000, TAKEN | {406}),
        ("X-Request-ID", "x" * 60_000, TAKEN),
        ("X-Request-ID", '"}\x1b[31m', TAKEN),
        ("X-Request-Timeout", "soon", BAD_REQUEST),
        ("X-Request-Timeout", "nan", BAD_REQUEST),
        ("X-Request-Timeout", "-1", BAD_REQUEST),
        ("X-Request-Timeout", "1e99", BAD_REQUEST),
        ("X-Request-Timeout", "9" * 9000, BAD_REQUEST),
        ("Cookie", "=;" * 9000, TAKEN),
        ("Authorization", "Basic ====", TAKEN),
        ("If-None-Match", "W/" * 9000, TAKEN),
        ("Range", "bytes=5-1,9-", TAKEN),
        ("Host", "a b/../?#", TAKEN | BAD_REQUEST),
        ("Forwarded", "for=" * 999, TAKEN),
        ("Content-Encoding", "gzip", TAKEN | NO_PICTURE),
        ("Expect", "200-ok", TAKEN),
    ):
        title = f"header-{name}-{value[:20]!a}"
        yield Hostile(title, frozenset(statuses), _PHOTO, headers={name: value})


def _methods() -> Iterator[Hostile]:
    for method in ("GET", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", "predict", "É"):
        yield Hostile(f"method-{method!a}", _NOT_ALLOWED, _PHOTO, method=method)
    yield Hostile("method-x" * 999, _NOT_ALLOWED, _PHOTO, method="X" * 9000)


def _paths() -> Iterator[Hostile]:
    for path in (
        "/nowhere",
        "/predict/",
        "/PREDICT",
        "/predict/../predict",
        "/%2e%2e/etc/passwd",
        "/../../etc/passwd",
        "/\0",
        "/\xff\xfe",
        "/" + "x" * 30_000,
        "/" * 9000,
        "/{{7*7}}",
        "*",
        "",
        "/models/../../etc",
        "/models/\0",
        "/models/" + "x" * 9000,
        "/static/../application.py",
        "/static/..%2f..%2fapplication.py",
        "/static/\0",
        "/static/" + "a/" * 4000,
        "/static//etc/passwd",
        "/samples/street/..",
        "/samples/../street/1/street.h5",
        "/samples/street/\0.png",
    ):
        name = f"path-{path[:40]!a}-{len(path)}"
        statuses = _NOT_FOUND | _NOT_ALLOWED
        yield Hostile(name, statuses | {308}, _PHOTO, path=path)
        yield Hostile(f"{name}-get", statuses | {200, 308}, path=path, method="GET")
