"""The contract as `/docs` shows it: the document, put into an order that a template can write.

References are followed here; the template decides nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

Json = dict[str, Any]

_LINE = 76


@dataclass(frozen=True)
class Type:
    """A part of the words for a type; a named one has its anchor."""

    text: str
    anchor: str = ""


@dataclass(frozen=True)
class Field:
    """A parameter, a header or a member of a schema."""

    name: str
    type: tuple[Type, ...]
    description: str
    is_required: bool
    default: str
    choices: tuple[str, ...] = ()
    is_number: bool = False
    place: str = ""
    example: str = ""


@dataclass(frozen=True)
class Content:
    """One form of a body."""

    media_type: str
    type: tuple[Type, ...]
    examples: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Operation:
    """One route and method."""

    anchor: str
    method: str
    path: str
    summary: str
    description: str
    fields: tuple[Field, ...]
    bodies: tuple[Content, ...]
    answer: str
    contents: tuple[Content, ...]
    headers: tuple[Field, ...]
    problems: tuple[tuple[str, str], ...]
    """Of each its status and its slug."""
    snippets: tuple[Json, ...]


@dataclass(frozen=True)
class Group:
    """Operations that belong together."""

    name: str
    description: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True)
class Schema:
    """A named object."""

    name: str
    description: str
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Problem:
    """One problem, with an answer as it may be."""

    slug: str
    title: str
    status: int
    example: str


def groups(document: Json) -> list[Group]:
    """Return the operations by their tags."""
    operations = [
        (one["tags"][0], _operation(document, method, path, one))
        for path, methods in document["paths"].items()
        for method, one in methods.items()
    ]
    return [
        Group(
            tag["name"],
            tag["description"],
            tuple(operation for name, operation in operations if name == tag["name"]),
        )
        for tag in document["tags"]
    ]


def schemas(document: Json) -> list[Schema]:
    """Return the named objects of requests and answers."""
    return [
        Schema(name, schema.get("description", ""), tuple(_members(schema)))
        for name, schema in document["components"]["schemas"].items()
    ]


def problems(document: Json) -> list[Problem]:
    """Return the problems by status."""
    examples = document["components"]["examples"].items()
    found = [
        Problem(slug, one["summary"], one["value"]["status"], pretty(one["value"]))
        for slug, one in examples
    ]
    return sorted(found, key=lambda problem: problem.status)


def pretty(value: object, indent: str = "") -> str:
    """Return JSON for people: what fits on a line stays on it."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or len(indent) + len(line) <= _LINE:
        return line
    inner = indent + "  "
    if isinstance(value, dict):
        rows = [f"{json.dumps(key)}: {pretty(one, inner)}" for key, one in value.items()]
        opening, closing = "{", "}"
    else:
        rows = [pretty(one, inner) for one in value]
        opening, closing = "[", "]"
    body = f",\n{inner}".join(rows)
    return f"{opening}\n{inner}{body}\n{indent}{closing}"


def _operation(document: Json, method: str, path: str, one: Json) -> Operation:
    answered = {status: body for status, body in one["responses"].items() if status < "400"}
    # Further ones say the same of another outcome.
    answer = next(iter(answered.values()))
    return Operation(
        anchor=one["operationId"],
        method=method.upper(),
        path=path,
        summary=one["summary"],
        description=one.get("description", ""),
        fields=tuple(_parameter(parameter) for parameter in one.get("parameters", [])),
        bodies=_contents(one.get("requestBody", {})),
        answer=" ".join(one["description"] for one in answered.values()),
        contents=_contents(answer),
        headers=tuple(_header(document, name) for name in answer["headers"]),
        problems=tuple(
            (status, slug)
            for status, response in one["responses"].items()
            for slug in response["content"].get("application/problem+json", {}).get("examples", ())
        ),
        snippets=tuple(one["x-codeSamples"]),
    )


def _contents(body: Json) -> tuple[Content, ...]:
    return tuple(
        Content(
            media_type,
            tuple(_type(content["schema"])),
            tuple(
                (name, pretty(one["value"])) for name, one in content.get("examples", {}).items()
            ),
        )
        for media_type, content in body.get("content", {}).items()
    )


def _examples(content: Json) -> Iterable[tuple[str, Json]]:
    examples: dict[str, Json] = content.get("examples", {})
    return examples.items()


def _parameter(parameter: Json) -> Field:
    field = _field(
        parameter["name"],
        {**parameter["schema"], "description": parameter["description"]},
        is_required=parameter["required"],
    )
    return replace(field, place=parameter["in"], example=str(parameter.get("example", "")))


def _members(schema: Json) -> Iterator[Field]:
    required = schema.get("required", [])
    for name, member in schema["properties"].items():
        yield _field(name, member, is_required=name in required)


def _field(name: str, schema: Json, *, is_required: bool = False) -> Field:
    return Field(
        name,
        tuple(_type(schema)),
        schema.get("description", ""),
        is_required,
        default=json.dumps(schema["default"]).strip('"') if "default" in schema else "",
        choices=_choices(schema),
        is_number=schema.get("type") in ("integer", "number"),
    )


def _header(document: Json, name: str) -> Field:
    header = document["components"]["headers"][name]
    return _field(name, {**header["schema"], "description": header["description"]})


def _choices(schema: Json) -> tuple[str, ...]:
    return tuple(schema.get("enum", [schema["const"]] if "const" in schema else []))


def _type(schema: Json) -> Iterator[Type]:
    """Yield the words for what a schema allows."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        yield Type(name, f"schema-{name}")
    elif "anyOf" in schema or "oneOf" in schema:
        for index, choice in enumerate(schema.get("anyOf") or schema["oneOf"]):
            if index:
                yield Type(" or ")
            yield from _type(choice)
    elif _choices(schema):
        yield Type(" · ".join(_choices(schema)))
    elif schema.get("type") == "array":
        yield Type(_count(schema))
        yield from _type(schema["items"])
    else:
        yield Type(_plain(schema))


def _count(schema: Json) -> str:
    low, high = schema.get("minItems"), schema.get("maxItems")
    if low is None:
        return "list of "
    if low == high:
        return f"{low} times "
    return f"list, {low} to {high}, of " if high else f"list, at least {low}, of "


def _plain(schema: Json) -> str:
    if schema.get("format") == "binary":
        return "bytes"
    if "contentEncoding" in schema:
        return str(schema["contentEncoding"])
    names = {"integer": "whole number", "string": "text", "boolean": "true or false"}
    name = names.get(schema.get("type", "any"), schema.get("type", "any"))
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f"{name}, {_number(low)} to {_number(high)}"
    return str(name) if low is None else f"{name}, at least {_number(low)}"


def _number(value: float) -> str:
    return f"{int(value) if value == int(value) else value:,}"
