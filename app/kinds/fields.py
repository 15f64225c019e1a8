"""What the fields of requests are made of: numbers that may come as text, and the words for both.

The models of requests (`parameters`, `headers`, `bodies`) are the one source of what is allowed:
they check what comes, a refusal quotes them, and `/openapi.json` is generated from them.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import BaseModel, BeforeValidator
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

#: Integers up to here survive a client that knows no number but the 64-bit float.
LARGEST_EXACT = 2**53 - 1


def _number(value: object) -> float:
    """Return the number that a JSON value or a query's text is; raises ValueError for others."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("not a number")
    if isinstance(value, str) and ("_" in value or not value.isascii()):
        raise ValueError("a number of Python's, not of everybody's")
    try:
        return float(value)
    except OverflowError as error:
        raise ValueError("no number is as large") from error


def _whole_number(value: object) -> int:
    number = _number(value)
    if not number.is_integer():
        raise ValueError("not whole")
    return int(number)


#: Marks a field that takes a number, or its text as a query or a form holds it.
NUMBER = BeforeValidator(_number)
#: Marks a field that takes a whole number, or its text; 2.0 is one too, as in JSON Schema.
WHOLE_NUMBER = BeforeValidator(_whole_number)


class ContractSchema(GenerateJsonSchema):
    """JSON Schema as the contract says it: a field that may be left out never takes null."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Describe the value alone where None only says that nothing was given."""
        inner = schema["schema"]
        if schema.get("default", ...) is not None:
            return super().default_schema(schema)
        return self.generate_inner(inner["schema"] if inner["type"] == "nullable" else inner)

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Leave out titles that repeat the field's name."""
        return False


@cache
def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON Schema of a model without nested models."""
    return model.model_json_schema(schema_generator=ContractSchema)


def allowed(model: type[BaseModel], name: str) -> str:
    """Say in words what a field takes, a number or a choice: the end of a refusal's sentence."""
    schema = schema_of(model)["properties"][name]
    choices = schema.get("enum", [schema["const"]] if "const" in schema else [])
    if len(choices) == 1:
        return f"only {choices[0]} is allowed"
    if choices:
        return f"one of {', '.join(choices)} is allowed"
    kind = "whole number" if schema["type"] == "integer" else "number"
    low, high = schema["minimum"], schema["maximum"]
    return f"a {kind} from {low:,} to {high:,} is allowed"
