"""The parameters of a prediction, from query, form or JSON, checked in one place.

Every refusal names the parameter, the value and what is allowed; a name that is unknown or given
twice is refused too, so that a typing error never passes for a default. Which ones there are is
said by the face of the model that is asked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import ConfigDict, ValidationError, create_model

from app.api.problems import ProblemError
from app.kinds.face import Parameters
from app.kinds.fields import allowed
from app.kinds.registry import faces

Given = Sequence[tuple[str, object]]
Asked = TypeVar("Asked", bound=Parameters)

_VERSION = re.compile(r"[0-9]{1,18}")


def _of_all_faces() -> Any:
    """Return a model with the parameters of every face, for the contract."""
    fields: dict[str, Any] = {}
    for face in faces().values():
        for name, field in face.parameters.model_fields.items():
            fields.setdefault(name, (field.annotation, field))
    config = ConfigDict(frozen=True, extra="forbid")
    documentation = "What a request asks for, beside its inputs; None leaves it to the model."
    return create_model("PredictParameters", __config__=config, __doc__=documentation, **fields)


#: Every parameter that any model takes.
PredictParameters = _of_all_faces()


def parse(model: type[Asked], given: Given) -> Asked:
    """Return the checked parameters from (name, value) pairs of any origin.

    Raises ProblemError (400) for one that does not fit.
    """
    values: dict[str, object] = {}
    for name, value in given:
        if name not in model.model_fields:
            names = ", ".join(model.model_fields)
            raise invalid(name, value, f"there is no such parameter; there are {names}")
        if name in values:
            raise invalid(name, value, "it is given more than once")
        values[name] = value
    for name, value in values.items():
        if value is None:
            raise invalid(name, value, _expected(model, name))
    try:
        return model.model_validate(values)
    except ValidationError as error:
        name = str(error.errors(include_url=False, include_context=False)[0]["loc"][0])
        raise invalid(name, values[name], _expected(model, name)) from None


def wanted_model(given: Given) -> Parameters:
    """Return the parameters that say which model is asked, before its face says of the others.

    Raises ProblemError (400).
    """
    return parse(Parameters, [pair for pair in given if pair[0] in Parameters.model_fields])


def as_version(text: str | None) -> int | None:
    """Return the version that a path names; None where it names none."""
    return int(text) if text and _VERSION.fullmatch(text) else None


def _expected(model: type[Parameters], name: str) -> str:
    if name == "model":
        return "the name of a model is expected (GET /models lists them)"
    if name == "version":
        return "a whole number from 1 to 2,147,483,647 is allowed, or a version's label"
    return allowed(model, name)


def invalid(name: str, value: object, expected: str) -> ProblemError:
    """Return the problem of a parameter that does not fit, in the words that all share."""
    shown = value if isinstance(value, str | int | float | bool | None) else type(value).__name__
    text = repr(shown) if len(repr(shown)) <= 80 else repr(shown)[:80] + "…"
    return ProblemError(
        "invalid-parameter", f"parameter {name!r} is {text}: {expected}", field=name, value=shown
    )
