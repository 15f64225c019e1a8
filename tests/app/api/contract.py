"""Holds answers to the contract: whatever a test of this room asks for has to be in it.

Stricter than a client would be: a member that the contract does not name is a fault, too.
"""

from __future__ import annotations

import copy
import json
import re
from functools import cache
from typing import Any, cast

from flask import Flask
from flask.testing import FlaskClient
from openapi_schema_validator import OAS31Validator, oas31_format_checker
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from app.api.contract.document import build
from app.api.contract.operations import NOT_IN_THE_CONTRACT
from app.api.dialects import of_path
from app.api.problems import PASSING, PROBLEMS
from app.application import create_app
from app.serving.client import InferenceClient
from app.settings import Settings


@cache
def contract(health_route: str = "", predict_route: str = "") -> dict[str, Any]:
    """Return the OpenAPI document of a server with every other setting at its default."""
    settings = Settings.from_environment(
        {"HEALTH_ROUTE": health_route, "PREDICT_ROUTE": predict_route}
    )
    app = create_app(settings, cast(InferenceClient, object()))
    return build(app, app.extensions["slipway"])


@cache
def _closed_components() -> dict[str, Any]:
    components = copy.deepcopy(contract()["components"])
    for schema in components["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return components


def faults(value: object, schema: dict[str, Any]) -> list[str]:
    """Return what keeps a JSON value from fitting a schema of the contract, or []."""
    root = {**schema, "components": _closed_components()}
    validator = OAS31Validator(root, format_checker=oas31_format_checker)
    sent = json.loads(json.dumps(value))
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(sent)]


def _fit(response: TestResponse, schema: dict[str, Any]) -> None:
    found = faults(json.loads(response.data), schema)
    assert not found, f"{response.text} is not in the contract: {found}"


def check(response: TestResponse, app: Flask) -> None:
    """Fail where the contract does not know this answer to this request."""
    asked = response.request
    assert response.headers["X-Request-ID"]
    if asked.method in ("HEAD", "OPTIONS"):
        return
    try:
        rule, _ = app.url_map.bind("localhost").match(asked.path, asked.method, return_rule=True)
    except HTTPException:
        # No operation: what Flask says to that is a problem all the same.
        told = "ProtocolError" if of_path(asked.path) else "Problem"
        _fit(response, {"$ref": f"#/components/schemas/{told}"})
        return
    if rule.endpoint not in NOT_IN_THE_CONTRACT:
        path = re.sub(r"<(\w+)>", r"{\1}", rule.rule)
        settings = app.extensions["slipway"].api
        document = contract(settings.health_route or "", settings.predict_route or "")
        check_operation(response, document["paths"][path][asked.method.lower()])


def check_operation(response: TestResponse, operation: dict[str, Any]) -> None:
    """Fail where an operation of the contract cannot be answered like this."""
    described = operation["responses"][str(response.status_code)]
    if not response.data:
        assert described["content"] == {}
        return
    content = described["content"][response.mimetype]
    if response.mimetype.endswith(("/json", "+json")):
        _fit(response, content["schema"])
    # A last page has no link to the next.
    expected = set(described["headers"]) - {"Link"}
    if response.status_code < 300:
        # Of a thousand predictions the ids are not told.
        expected -= {"X-Prediction-ID"} - set(response.headers.keys())
    elif response.mimetype == "application/json":
        expected -= {"Retry-After"}
    else:
        slug = json.loads(response.data)["type"].removeprefix("/problems/")
        assert slug in content["examples"], f"{slug} is not among {list(content['examples'])}"
        assert PROBLEMS[slug][0] == response.status_code
        expected -= set() if slug in PASSING else {"Retry-After"}
    named = {"X-Request-ID", "X-Prediction-ID", "Retry-After", "Vary"}
    headers = named.intersection(response.headers.keys())
    if response.status_code >= 300 and response.mimetype == "application/json":
        headers -= {"Retry-After"}
    assert headers == expected, f"{response.status}: {headers}, the contract says {expected}"


class ContractClient(FlaskClient):
    """A client that checks every answer that it gets, and gets all of it before it goes on."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        response = super().open(*args, **{"buffered": True} | kwargs)
        check(response, self.application)
        return response
