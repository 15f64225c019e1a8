"""Cloud Run's Admin API v2 as Google's own client package describes it: its discovery document.

What a fake takes and answers is held to it: methods, paths, parameters, and every field's type.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import parse_qs

from tests.cloud_function.border import Request

_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}


@cache
def document() -> dict[str, Any]:
    """Return the discovery document that google-api-python-client carries."""
    folder = resources.files("googleapiclient") / "discovery_cache" / "documents"
    found: dict[str, Any] = json.loads((folder / "run.v2.json").read_text())
    return found


def checked_request(request: Request) -> dict[str, Any]:
    """Return the method that a request is of. Raises AssertionError where it is none of the API."""
    path, _, query = request.path.partition("?")
    for method in _methods(document()["resources"]):
        wanted = re.sub(r"\{[^}]+\}", "[^/]+", method["flatPath"])
        if request.method == method["httpMethod"] and re.fullmatch("/" + wanted, path):
            break
    else:
        raise AssertionError(f"{request.method} {path} is no method of the API")
    parameters = {name: each for name, each in method["parameters"].items() if _is_query(each)}
    unknown = set(parse_qs(query)) - set(parameters) - set(document()["parameters"])
    assert not unknown, f"{method['id']} has no parameters {unknown}"
    if "request" in method:
        check(request.body, method["request"]["$ref"], "body")
    else:
        assert request.body is None, f"{method['id']} takes no body"
    return method


def check(value: Any, name: str, where: str) -> None:
    """Hold a value to a schema of the document. Raises AssertionError with the field's place."""
    _check(value, {"$ref": name}, where)


def _check(value: Any, schema: dict[str, Any], where: str) -> None:
    if "$ref" in schema:
        schema = document()["schemas"][schema["$ref"]]
    kind = schema.get("type")
    if kind == "object":
        assert isinstance(value, dict), f"{where}={value!r}: an object"
        known = schema.get("properties", {})
        for name, each in value.items():
            inner = known.get(name) or schema.get("additionalProperties")
            assert inner is not None, f"{where}.{name}: the API has no such field"
            _check(each, inner, f"{where}.{name}")
    elif kind == "array":
        assert isinstance(value, list), f"{where}={value!r}: a list"
        for place, each in enumerate(value):
            _check(each, schema["items"], f"{where}[{place}]")
    elif kind in _TYPES:
        is_right = isinstance(value, _TYPES[kind]) and (kind == "boolean" or value is not True)
        assert is_right, f"{where}={value!r}: {kind}"
        if schema.get("format") == "int64":
            assert re.fullmatch(r"-?\d+", value), f"{where}={value!r}: an int64, as text"
        if "enum" in schema:
            assert value in schema["enum"], f"{where}={value!r}: one of {schema['enum']}"


def _methods(resources_: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for each in resources_.values():
        found += each.get("methods", {}).values()
        found += _methods(each.get("resources", {}))
    return found


def _is_query(parameter: dict[str, Any]) -> bool:
    return parameter["location"] == "query"
