"""Declares to the compiler what the page's scripts rely on and do not say themselves.

`contract` has the server's answers as `/openapi.json` tells them, under the names that they have in
`app/api/answers.py`. `Elements` has the elements of the pages by their ids.
"""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

Json = dict[str, Any]


def declarations(schemas: Json, markup: str) -> str:
    """Return the declarations of a contract's schemas and of a page's elements."""
    lines = ["declare namespace contract {"]
    for name, schema in schemas.items():
        lines += [f"  interface {name} {{", *_members(schema), "  }"]
    lines += ["}", "interface Elements {"]
    lines += [f'  "{name}": HTMLElementTagNameMap["{tag}"];' for name, tag in _elements(markup)]
    return "\n".join([*lines, "}", ""])


def _members(schema: Json) -> list[str]:
    required = schema.get("required", [])
    return [
        f"    {name}{'' if name in required else '?'}: {_type(member)};"
        for name, member in schema.get("properties", {}).items()
    ]


def _type(schema: Json) -> str:
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(map(json.dumps, schema["enum"]))
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return " | ".join(map(_type, schema[choice]))
    match schema.get("type"):
        case "array":
            return _list_type(schema)
        case "integer":
            return "number"
        case "object":
            return "Record<string, unknown>"
        case "string" | "number" | "boolean" | "null" as name:
            return name
    return "unknown"


def _list_type(schema: Json) -> str:
    item = _type(schema["items"])
    length = schema.get("maxItems")
    if length is not None and length == schema.get("minItems"):
        return f"[{', '.join([item] * length)}]"
    return f"({item})[]"


def _elements(markup: str) -> list[tuple[str, str]]:
    """Return id and tag of every element that has an id."""
    found: list[tuple[str, str]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend((value, tag) for name, value in attrs if name == "id" and value)

    Reader().feed(markup)
    return found
