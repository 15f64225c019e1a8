"""Bodies made to do harm: JSON, base64 and forms that are broken, deep, double or without end."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

from PIL import Image

from tests.app.api.hostile.sending import (
    ANY_PICTURE,
    BAD_REQUEST,
    DAMAGED,
    NO_PICTURE,
    TAKEN,
    TOO_LARGE,
    Hostile,
)
from tests.app.pictures import bombs
from tests.app.pictures.making import encode, scene

_PHOTO = encode(scene(), "PNG")
_B64 = base64.b64encode(_PHOTO).decode()
_IMAGE = f'"image": {{"b64": "{_B64}"}}'
_JSON = "application/json"
_FORM = "multipart/form-data; boundary=b"
_FILE = b'Content-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'


def bodies() -> Iterator[Hostile]:
    """Yield them all."""
    for kind in (_texts, _documents, _values, _base64, _lists, _broken_forms, _forms):
        yield from kind()


def _texts() -> Iterator[Hostile]:
    for name, body in {
        "empty": b"",
        "blank": b"  \n",
        "half": b'{"image": {"b64": "',
        "deep-lists": b"[" * 200_000,
        "deep-objects": b'{"a":' * 200_000,
        "deep-closed": b"[" * 100_000 + b"]" * 100_000,
        "utf-16": f"{{{_IMAGE}}}".encode("utf-16"),
        "utf-32": f"{{{_IMAGE}}}".encode("utf-32-be"),
        "utf-8-with-mark": b"\xef\xbb\xbf" + f"{{{_IMAGE}}}".encode(),
        "latin-1": b'{"model": "\xe4"}',
        "overlong-utf-8": b'{"model": "\xc0\xaf"}',
        "surrogates-in-utf-8": b'{"model": "\xed\xa0\x80"}',
        "nul": b"\0" * 1000,
        "a-nul-in-a-string": b'{"model": "\0"}',
        "random": bytes(range(256)),
        "trailing-comma": f"{{{_IMAGE},}}".encode(),
        "two-documents": f"{{{_IMAGE}}}{{}}".encode(),
        "comment": f"{{{_IMAGE} /* hello */}}".encode(),
        "single-quotes": b"{'image': {}}",
        "xml": b"<image/>",
        "the-photo": _PHOTO,
    }.items():
        yield Hostile(f"json-{name}", BAD_REQUEST, body, _JSON)


def _documents() -> Iterator[Hostile]:
    for name, document in {
        "null": None,
        "number": 7,
        "list": [],
        "string": "image",
        "empty-object": {},
        "both": {"image": {}, "instances": []},
        "image-null": {"image": None},
        "image-list": {"image": [_B64]},
        "image-without-b64": {"image": {}},
        "image-with-more": {"image": {"b64": _B64, "url": "http://localhost/"}},
        "image-as-url": {"image": {"url": "file:///etc/passwd"}},
        "b64-null": {"image": {"b64": None}},
        "b64-list": {"image": {"b64": [_B64]}},
        "b64-number": {"image": {"b64": 1e308}},
        "instances-null": {"instances": None},
        "instances-object": {"instances": {"b64": _B64}},
        "instances-empty": {"instances": []},
        "instances-65": {"instances": [{"b64": ""}] * 65},
        "instances-100000": {"instances": [1] * 100_000},
        "instances-of-lists": {"instances": [[[]]]},
        "many-names": {f"name{index}": index for index in range(20_000)},
    }.items():
        yield Hostile(f"document-{name}", BAD_REQUEST, json.dumps(document).encode(), _JSON)


def _values() -> Iterator[Hostile]:
    for name, more in {
        "nan": '"min_score": NaN',
        "infinity": '"min_score": -Infinity',
        "huge-float": '"min_score": 1e999',
        "huge-integer": '"version": 1' + "0" * 100_000,
        "large-integer": '"version": 1' + "0" * 90,
        "negative": '"max_instances": -1',
        "true": '"min_score": true',
        "null": '"model": null',
        "list": '"masks": ["rle"]',
        "object": '"masks": {"rle": 1}',
        "deep-value": '"masks": ' + "[" * 500 + "]" * 500,
        "long-value": '"masks": "' + "x" * 500_000 + '"',
        "long-name": '"' + "x" * 500_000 + '": 1',
        "twice": '"masks": "rle", "masks": "rle"',
        "image-twice": '"image": {"b64": ""}',
        "half-a-pair": '"model": "\\ud800"',
        "half-a-pair-as-name": '"\\udfff": 1',
        "control-characters": '"model\\u0000\\u001b[31m": 1',
        "right-to-left": '"\\u202emodel": 1',
        "prototype": '"__proto__": {}',
        "class": '"__class__": 1',
        "empty-name": '"": 1',
    }.items():
        yield Hostile(f"json-{name}", BAD_REQUEST, f"{{{_IMAGE}, {more}}}".encode(), _JSON)
    for name, model in {
        "nul": "street\0",
        "path": "../../etc/passwd",
        "newline": "a\nb",
        "emoji": "😀",
        "long": "x" * 100_000,
        "template": "{{7*7}}{config}%s%n",
    }.items():
        document = {"image": {"b64": _B64}, "model": model}
        body = json.dumps(document).encode()
        yield Hostile(f"json-model-{name}", frozenset({404}), body, _JSON)


def _base64() -> Iterator[Hostile]:
    urlsafe = base64.urlsafe_b64encode(b"\xfb\xff" * 99).decode()
    for name, text in {
        "line-breaks": base64.encodebytes(_PHOTO).decode(),
        "spaces": " " + _B64,
        "url-alphabet": urlsafe,
        "no-padding": "AAAAA",
        "padding-alone": "====",
        "padding-inside": "AA==AAAA",
        "data-url": f"data:image/png;base64,{_B64}",
        "umlaut": "ä" * 400,
        "full-width": "\uff21" * 400,
        "one-character": "A",
        "hex": _PHOTO.hex() + "-",
    }.items():
        body = json.dumps({"image": {"b64": text}}).encode()
        yield Hostile(f"base64-{name}", BAD_REQUEST, body, _JSON)
    for name, statuses, data in (
        ("empty", DAMAGED, b""),
        ("text", NO_PICTURE, b"hello"),
        ("base64-of-base64", NO_PICTURE, _B64.encode()),
        ("bomb", TOO_LARGE, bombs.png_with_size(2**31 - 1, 2**31 - 1)),
    ):
        text = base64.b64encode(data).decode()
        body = json.dumps({"image": {"b64": text}}).encode()
        yield Hostile(f"base64-of-{name}", statuses, body, _JSON)


def _lists() -> Iterator[Hostile]:
    large = encode(Image.new("1", (1000, 900)), "PNG")
    for name, statuses, pictures in (
        ("sound", TAKEN, [_PHOTO] * 3),
        ("one-is-empty", DAMAGED, [_PHOTO, b""]),
        ("last-is-text", NO_PICTURE, [_PHOTO, _PHOTO, b"hello"]),
        ("too-many-pixels-together", TOO_LARGE, [large] * 2),
        ("64-bombs", TOO_LARGE, [bombs.png_with_size(60_000, 60_000)] * 64),
        ("64-gif-bombs", TOO_LARGE, [bombs.gif((65_535, 65_535), (65_535, 65_535))] * 64),
    ):
        instances = [{"b64": base64.b64encode(picture).decode()} for picture in pictures]
        body = json.dumps({"instances": instances}).encode()
        yield Hostile(f"instances-{name}", statuses, body, _JSON)


def _part(head: bytes, contents: bytes = b"x") -> bytes:
    return b"--b\r\n" + head + b"\r\n\r\n" + contents + b"\r\n"


def _broken_forms() -> Iterator[Hostile]:
    whole = b"--b\r\n" + _FILE + _PHOTO + b"\r\n--b--\r\n"
    for name, body, content_type in (
        ("no-boundary", whole, "multipart/form-data"),
        ("empty-boundary", whole, "multipart/form-data; boundary="),
        ("quoted-boundary", whole, 'multipart/form-data; boundary="'),
        ("other-boundary", whole, "multipart/form-data; boundary=c"),
        ("boundary-of-any-bytes", whole, "multipart/form-data; boundary=\xff\xfe"),
        ("long-boundary", whole, "multipart/form-data; boundary=" + "b" * 60_000),
        ("boundary-as-a-pattern", whole, "multipart/form-data; boundary=(a+)+$"),
        ("odd-charset", whole, "multipart/form-data; charset=nonsense"),
        ("no-end", whole[:-8], _FORM),
        ("half", whole[: len(whole) // 2], _FORM),
        ("empty", b"", _FORM),
        ("end-alone", b"--b--\r\n", _FORM),
        ("text", b"hello", _FORM),
        ("head-without-end", b"--b\r\nContent-Disposition: " + b"x" * 100_000, _FORM),
        ("head-without-name", _part(b"Content-Disposition: form-data") + b"--b--", _FORM),
        ("head-without-disposition", _part(b"X: y") + b"--b--", _FORM),
        ("head-of-any-bytes", _part(b"\xff\xfe: \x80") + b"--b--", _FORM),
        ("head-without-colon", _part(b"Content-Disposition") + b"--b--", _FORM),
        ("many-heads", _part(b"X: y\r\n" * 9999) + b"--b--", _FORM),
        ("name-without-quote", _part(b'Content-Disposition: form-data; name="a') + b"--b--", _FORM),
        ("urlencoded-in-it", b"image=x&masks=rle", _FORM),
    ):
        yield Hostile(f"form-{name}", BAD_REQUEST, body, content_type)


def _forms() -> Iterator[Hostile]:
    field = b'Content-Disposition: form-data; name="%s"'
    file = b"--b\r\n" + _FILE + _PHOTO + b"\r\n"
    end = b"--b--\r\n"
    for name, statuses, body in (
        ("sound", TAKEN, file + end),
        ("line-feeds-alone", BAD_REQUEST | ANY_PICTURE, (file + end).replace(b"\r\n", b"\n")),
        ("two-files", BAD_REQUEST, file + file + end),
        ("two-files-of-one-name-and-text", BAD_REQUEST, file + _part(field % b"image") + end),
        ("only-text", BAD_REQUEST, _part(field % b"image", _PHOTO[:200]) + end),
        ("long-text", TOO_LARGE, _part(field % b"masks", b"x" * 700_000) + end),
        ("many-fields", TOO_LARGE, _part(field % b"masks") * 5000 + end),
        ("many-files", TOO_LARGE, file * 300 + end),
        ("unknown-field", BAD_REQUEST, file + _part(field % b"hello") + end),
        ("field-twice", BAD_REQUEST, file + _part(field % b"masks", b"rle") * 2 + end),
        ("odd-value", BAD_REQUEST, file + _part(field % b"masks", b"\xff\0") + end),
        ("odd-name", BAD_REQUEST, file + _part(field % "ä\u202e".encode()) + end),
        ("empty-file", DAMAGED, b"--b\r\n" + _FILE + b"\r\n" + end),
        ("text-file", NO_PICTURE, b"--b\r\n" + _FILE + b"hello\r\n" + end),
        ("carriage-returns", BAD_REQUEST | NO_PICTURE, b"--b\r\n" + _FILE + b"\r" * 900_000 + end),
        ("boundary-beginnings", BAD_REQUEST, b"--b\r\n" + _FILE + b"\r\n--" * 200_000 + end),
        ("preamble-without-end", TOO_LARGE, b"x" * 900_000 + file + end),
        ("epilogue-without-end", TAKEN | TOO_LARGE, file + end + b"x" * 400_000),
        ("path-as-file-name", TAKEN, file.replace(b"a.png", b"../../../etc/passwd\0") + end),
        (
            "lying-length",
            TAKEN,
            file.replace(b"\r\n\r\n", b"\r\nContent-Length: 9\r\n\r\n", 1) + end,
        ),
        ("transfer-encoding", NO_PICTURE | TAKEN, _base64_part() + end),
    ):
        yield Hostile(f"form-{name}", statuses, body, _FORM)


def _base64_part() -> bytes:
    head = _FILE.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n")
    return b"--b\r\n" + head + _B64.encode() + b"\r\n"
