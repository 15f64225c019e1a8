"""How clients see models that take numbers and text by name, and give back named outputs.

An instance is an object with each input by its name, or the value alone where there is one input:
the rows of TensorFlow Serving's REST API. An optional one may be left out, or null. Each value is
held to the type and the shape that the model's signature declares.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from app.kinds import findings
from app.kinds.arrays import ArrayError, array_of, json_of, zeros
from app.kinds.face import (
    Answer,
    Example,
    Finding,
    Form,
    GivenError,
    Limits,
    Outcome,
    Parameters,
    Parsed,
    Summary,
)
from app.kinds.tensors import Facts, Tensors

MOST_INSTANCES = 1000
# How far a number of a golden answer may be off, of its own size and at least.
_RELATIVE_TOLERANCE, _ABSOLUTE_TOLERANCE = 1e-3, 1e-5
_LONGEST_SHOWN = 60


class ValueParameters(Parameters):
    """What a request may ask for, beside the values."""

    signature: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="The signature that answers, of several in `/models`. Without it: the model's "
        "`default_signature`.",
        examples=["serving_default"],
    )

    def asked(self) -> dict[str, Any]:
        """Return which signature is to run, where one is named."""
        return {} if self.signature is None else {"signature": self.signature}


class ValuesAnswer(Answer):
    """What came out for one instance."""

    outputs: Annotated[
        dict[str, Any],
        Field(
            description="Each output by its name: a number, text or lists of them. Bytes that are "
            'no UTF-8 are {"b64": "…"}; a number that is not finite is null.'
        ),
    ]


@dataclass(frozen=True)
class _Given:
    """One instance, and what it is called in the request."""

    value: Any
    field: str


class ValuesFace:
    """Numbers and text in; numbers and text out."""

    name = "values"
    parameters = ValueParameters
    answer = ValuesAnswer
    forms: Mapping[str, Form] = {}
    most_inputs = MOST_INSTANCES
    is_quick = True

    def read(
        self, given: Sequence[object], fields: Sequence[str], limits: Limits, *, ahead: bool
    ) -> list[_Given]:
        """Return the instances; raises GivenError for a body or a file that is no JSON."""
        return [
            _Given(_document(one, field) if isinstance(one, bytes) else one, field)
            for one, field in zip(given, fields, strict=True)
        ]

    def parse(self, given: _Given, facts: Facts, limits: Limits) -> Parsed:
        """Return the instance's arrays, as the signature declares them; raises GivenError."""
        inputs = inputs_of(facts)
        values = _by_name(given, inputs)
        arrays: dict[str, NDArray[Any]] = {}
        for declared in inputs:
            name = declared["name"]
            if values.get(name) is None and declared.get("is_optional"):
                continue
            try:
                arrays[name] = array_of(values[name], declared["dtype"], declared["shape"])
            except ArrayError as error:
                # A file's name, or the body's place, and the input's.
                where = f"{given.field}.{name}"
                members = {"value": _told(error.value)} if error.has_value else {}
                raise GivenError(
                    "invalid-input", f"`{where}`{error}", field=where, **members
                ) from None
        return Parsed(arrays)

    def example(self) -> Example:
        """Return a flower and what it is taken for."""
        given = {
            "sepal_length": 5.0,
            "sepal_width": 2.0,
            "petal_length": 3.5,
            "petal_width": 1.0,
        }
        result = {
            "predicted_species": np.array(b"versicolor", object),
            "species_probs": np.array([0.03, 0.91, 0.06]),
        }
        inputs = [{"name": name, "dtype": "float64", "shape": []} for name in given]
        facts = {"signatures": {"serve": {"inputs": inputs}}, "default_signature": "serve"}
        return Example(given, {"model": "iris"}, {"model": "iris"}, Outcome(result, facts))

    def noise(self, facts: Facts) -> Tensors:
        """Return zeros, and of categories the first."""
        return {one["name"]: zeros(one) for one in inputs_of(facts)}

    def members(self, outcome: Outcome, parameters: ValueParameters) -> dict[str, Any]:
        """Return each output."""
        return {"outputs": {name: json_of(array) for name, array in outcome.result.items()}}

    def counts(self, outcome: Outcome) -> dict[str, int]:
        """Return nothing: not every model knows classes."""
        return {}

    def told(self, outcome: Outcome) -> dict[str, Any]:
        """Return nothing: values may be about people."""
        return {}

    def rows(self, outcome: Outcome) -> list[Finding]:
        """Return one: the class that a vector of probabilities has, or else numbers alone."""
        return [findings.of_outputs(outcome.result)]

    def input_shape(self, outcome: Outcome) -> str:
        """Return what the signature declares: a count of single values, or each input's shape."""
        shapes = [one["shape"] for one in inputs_of(outcome.facts)]
        if all(side == 1 for shape in shapes for side in shape):
            return str(len(shapes))
        sides = [["?" if side is None else str(side) for side in shape] for shape in shapes]
        return ",".join("x".join(one or ["1"]) for one in sides)

    def summary(self, outcome: Outcome) -> Summary:
        """Return each output, shortened."""
        rows: list[tuple[object, ...]] = [("output", "value")]
        for name, array in outcome.result.items():
            text = json.dumps(json_of(array), ensure_ascii=False)
            rows.append((name, text if len(text) <= 80 else f"{text[:79]}…"))
        count = len(outcome.result)
        return Summary(f"{count} output{'' if count == 1 else 's'}", "one instance", rows)

    def drawing(self, outcome: Outcome) -> None:
        """Return nothing: numbers are no picture."""

    def golden(self, document: Any) -> dict[str, Any]:
        """Return the outputs that an answer tells of; raises ValueError."""
        outputs = document.get("outputs") if isinstance(document, dict) else None
        if not isinstance(outputs, dict) or not outputs:
            raise ValueError("no answer about values: `outputs` is missing")
        return outputs

    def difference(self, golden: Mapping[str, Any], outcome: Outcome) -> str | None:
        """Say which output is not the golden one."""
        for name, wanted in golden.items():
            if name not in outcome.result:
                return f"there is no output {name!r}; there are {', '.join(outcome.result)}"
            found = json_of(outcome.result[name])
            if not _is_close(found, wanted):
                return f"{name} is {_shown(found)}, not {_shown(wanted)}"
        return None


def inputs_of(facts: Facts) -> Sequence[Mapping[str, Any]]:
    """Return what the signature that is served declares of each input."""
    return facts["signatures"][facts["default_signature"]]["inputs"]


def _document(body: bytes, field: str) -> Any:
    """Return what a file or a body holds: an instance, or a list of one."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        reason = (
            f"`{field}`: this model takes numbers and text, as JSON: "
            '{"instances": [{"<input>": <value>, …}]}'
        )
        raise GivenError("invalid-input", reason, field=field) from None
    if isinstance(document, dict) and document.keys() == {"instances"}:
        instances = document["instances"]
        if not isinstance(instances, list) or len(instances) != 1:
            reason = f"`{field}`: `instances` has to be a list of one instance"
            raise GivenError("invalid-input", reason, field=field)
        return instances[0]
    return document


def _by_name(given: _Given, inputs: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the instance's values by their inputs' names; raises GivenError."""
    names = [one["name"] for one in inputs]
    value = given.value
    is_named = isinstance(value, dict) and value.keys() != {"b64"}
    if not is_named:
        if len(names) == 1:
            return {names[0]: value}
        reason = f"`{given.field}` is {_shown(value)}: an object with {_listed(names)} is expected"
        raise GivenError("invalid-input", reason, field=given.field)
    needed = [one["name"] for one in inputs if not one.get("is_optional")]
    if missing := [name for name in needed if name not in value]:
        reason = f"`{given.field}` lacks {_listed(missing)}"
        raise GivenError("invalid-input", reason, field=f"{given.field}.{missing[0]}")
    if unknown := [name for name in value if name not in names]:
        where = f"{given.field}.{unknown[0][:_LONGEST_SHOWN]}"
        reason = f"`{where}`: there is no such input; there are {_listed(names)}"
        raise GivenError("invalid-input", reason, field=where)
    return value


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:20])
    return shown if len(names) <= 20 else f"{shown} and {len(names) - 20} more"


def _told(value: object) -> object:
    """Return a value as a problem names it: itself where it is a single one."""
    return value if isinstance(value, str | int | float | None) else _shown(value)


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _is_close(found: Any, wanted: Any) -> bool:
    """Say whether two values of JSON are the same, numbers as far as they may be off."""
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(map(_is_close, found, wanted))
        )
    numbers = (int, float)
    if isinstance(wanted, numbers) and isinstance(found, numbers):
        if isinstance(wanted, bool) or isinstance(found, bool):
            return found is wanted
        bound = max(_ABSOLUTE_TOLERANCE, _RELATIVE_TOLERANCE * abs(wanted))
        return abs(found - wanted) <= bound
    return found == wanted


VALUES = ValuesFace()
