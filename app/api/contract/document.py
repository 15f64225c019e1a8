"""Builds the OpenAPI document from the routes, what is said of them, and the models."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from flask import Flask
from pydantic import BaseModel, TypeAdapter
from werkzeug.routing import Rule

from app.api import platform
from app.api.answers import Problem, ProtocolError
from app.api.contract.operation import Content, Operation
from app.api.contract.operations import (
    HEADERS,
    NOT_IN_THE_CONTRACT,
    OPERATIONS,
    TAGS,
    UNSENT,
)
from app.api.contract.refusals import refusal
from app.api.contract.snippets import snippets
from app.api.headers import REQUEST_TIMEOUT
from app.api.negotiation import JSON
from app.api.problems import PASSING, PROBLEMS
from app.api.services import Services
from app.kinds.fields import ContractSchema, schema_of

OPENAPI = "3.1.1"
#: Of the contract: it rises with every change that a client can see.
VERSION = "3.2.0"

_DESCRIPTION = (
    "Slipway answers for the models that it serves, whatever their kind. An error is a "
    "problem as in RFC 9457, told apart by its `type`; every answer carries `X-Request-ID`."
)
_SCHEMAS = "#/components/schemas/{model}"

Json = dict[str, Any]


def build(app: Flask, services: Services) -> Json:
    """Return the OpenAPI document of the application; raises KeyError for an unknown route."""
    routes = [
        (rule, OPERATIONS[rule.endpoint])
        for rule in app.url_map.iter_rules()
        if rule.endpoint not in NOT_IN_THE_CONTRACT
    ]
    schemas, definitions = _schemas([operation for _, operation in routes])
    platforms = platform.routes(services.api)
    paths: Json = {}
    for rule, operation in routes:
        view = inspect.getdoc(app.view_functions[rule.endpoint]) or ""
        described = _operation(rule, operation, view, schemas)
        if (rule.rule, rule.endpoint) in platforms:
            described["operationId"] = f"platform_{described['operationId']}"
        # Of two routes with the same path the first one answers.
        paths.setdefault(_path(rule), {}).setdefault(_method(rule), described)
    _limit_timeout(paths, services.serving.inference_timeout_s)
    return {
        "openapi": OPENAPI,
        "info": {
            "title": "Slipway",
            "version": VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": definitions,
            "headers": {
                name: {"description": text, "schema": schema}
                for name, (text, schema) in HEADERS.items()
            },
            "examples": {
                slug: {"summary": title, "value": refusal(slug)}
                for slug, (_, title) in PROBLEMS.items()
                if slug not in UNSENT
            },
        },
    }


def _schemas(operations: list[Operation]) -> tuple[dict[int, Json], Json]:
    """Return the schema of each content, by its `id`, and the definitions that they refer to."""
    contents = [content for one in operations for content in (*one.contents, *one.bodies)]
    adapters: dict[int, TypeAdapter[Any]] = {0: TypeAdapter(Problem), 1: TypeAdapter(ProtocolError)}
    adapters |= {id(content): TypeAdapter(content.type) for content in contents}
    schemas, definitions = TypeAdapter.json_schemas(
        [(key, "validation", adapter) for key, adapter in adapters.items()],
        ref_template=_SCHEMAS,
        schema_generator=ContractSchema,
    )
    return {key: schema for (key, _), schema in schemas.items()}, definitions["$defs"]


def _path(rule: Rule) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)


def _method(rule: Rule) -> str:
    (method,) = (rule.methods or set()) - {"HEAD", "OPTIONS"}
    return method.lower()


def _name(rule: Rule, operation: Operation) -> str:
    """Return the view's name; two protocols may have views of the same one."""
    blueprint, _, name = rule.endpoint.rpartition(".")
    return f"{blueprint}_{name}" if operation.dialect else name


def _operation(rule: Rule, operation: Operation, view: str, schemas: dict[int, Json]) -> Json:
    described: Json = {
        "operationId": _name(rule, operation),
        "tags": [operation.tag],
        "summary": view.partition("\n")[0].rstrip("."),
    }
    if operation.description:
        described["description"] = operation.description
    parameters = [*_parameters(rule, operation)]
    if parameters:
        described["parameters"] = parameters
    if operation.bodies:
        described["requestBody"] = {
            "required": True,
            "content": _contents(operation.bodies, schemas),
        }
    described["responses"] = _responses(operation, schemas)
    examples = {name: example for name, (_, example) in operation.path.items()}
    described["x-codeSamples"] = snippets(rule.endpoint, _path(rule).format(**examples))
    return described


def _parameters(rule: Rule, operation: Operation) -> Iterator[Json]:
    for name in sorted(rule.arguments, key=rule.rule.index):
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "description": operation.path[name][0],
            "schema": {"type": "string", "minLength": 1},
            "example": operation.path[name][1],
        }
    for place, model in (("query", operation.query), ("header", operation.headers)):
        if model is not None:
            yield from _fields(model, place)


def _fields(model: type[BaseModel], place: str) -> Iterator[Json]:
    for name, schema in schema_of(model)["properties"].items():
        told = {key: value for key, value in schema.items() if key != "description"}
        yield {
            "name": name,
            "in": place,
            "required": False,
            "description": schema["description"],
            "schema": told,
        }


def _contents(contents: tuple[Content, ...], schemas: dict[int, Json]) -> Json:
    described: Json = {}
    for content in contents:
        described[content.media_type] = {"schema": schemas[id(content)]}
        if content.examples:
            described[content.media_type]["examples"] = {
                name: {"value": make()} for name, make in content.examples.items()
            }
    return described


def _responses(operation: Operation, schemas: dict[int, Json]) -> Json:
    responses: Json = {
        str(status): {
            "description": answer,
            "headers": _headers("X-Request-ID", *operation.answer_headers),
            "content": _contents(operation.contents, schemas),
        }
        for status, answer in ({operation.status: operation.answer} | {**operation.also}).items()
    }
    if operation.dialect:
        return responses | _errors(operation)
    for status in sorted({PROBLEMS[slug][0] for slug in operation.problems}):
        slugs = [slug for slug in operation.problems if PROBLEMS[slug][0] == status]
        names = ["X-Request-ID", *(name for name in operation.answer_headers if name == "Vary")]
        if PASSING.intersection(slugs):
            names.append("Retry-After")
        references = {slug: {"$ref": f"#/components/examples/{slug}"} for slug in slugs}
        responses[str(status)] = {
            "description": " · ".join(PROBLEMS[slug][1] for slug in slugs) + ".",
            "headers": _headers(*names),
            "content": {
                "application/problem+json": {
                    "schema": {"$ref": _SCHEMAS.format(model="Problem")},
                    "examples": references,
                }
            },
        }
    return responses


def _errors(operation: Operation) -> Json:
    """Return the answers of another protocol where something is wrong."""
    told: dict[int, list[str]] = {}
    for slug in operation.problems:
        status, title = PROBLEMS.get(slug) or (400, "The request is not understood")
        if operation.dialect:
            told.setdefault(operation.dialect.status(status), []).append(title)
    passing = {PROBLEMS[slug][0] for slug in PASSING}
    return {
        str(status): {
            "description": " · ".join(titles) + ".",
            "headers": _headers("X-Request-ID", *(["Retry-After"] if status in passing else [])),
            "content": {JSON: {"schema": {"$ref": _SCHEMAS.format(model="ProtocolError")}}},
        }
        for status, titles in sorted(told.items())
    }


def _headers(*names: str) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _limit_timeout(paths: Json, longest_s: float) -> None:
    """Say how long a request may wait at most: that is the server's setting."""
    for methods in paths.values():
        for operation in methods.values():
            for parameter in operation.get("parameters", []):
                if parameter["name"] == REQUEST_TIMEOUT:
                    parameter["schema"]["maximum"] = longest_s
