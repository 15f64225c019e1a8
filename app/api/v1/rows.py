"""What a request of `/v1` carries, as rows or as columns, and its answer in the same form.

A row is one instance. A column is one input of a whole batch, whose first axis is the batch's.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from werkzeug import Request

from app.api import inputs, strict_json
from app.api.problems import ProblemError
from app.api.signatures import Declared, Served, served, takes_values
from app.kinds.arrays import json_of, lists_of
from app.kinds.face import Outcome
from app.kinds.registry import faces
from app.serving.client import Chosen

#: An output of such a name is bytes, whatever they are.
_BYTES_SUFFIX = "_bytes"


@dataclass(frozen=True)
class Rows:
    """The instances of one request, as their model's face reads them, and their names there.

    `is_whole` where it is one that no batch's axis can be put before; `is_flat` where single values
    stand for lists of one.
    """

    values: list[object]
    fields: list[str]
    is_columnar: bool = False
    is_whole: bool = False
    is_flat: bool = False
    is_picture: bool = False


def document(request: Request) -> dict[str, Any]:
    """Return the JSON object that a request carries, whatever it says that its type is."""
    body = inputs.unpacked(request)
    if not body:
        raise ProblemError("invalid-json", "JSON Parse error: The document is empty")
    found = strict_json.parse(body, takes_nan=True)
    if not isinstance(found, dict):
        raise _unfit("the JSON has to be an object with `instances`, `inputs` or `examples`")
    return found


def signature_name(document: Mapping[str, Any]) -> str | None:
    """Return the signature that is asked for; None is the default one."""
    name = document.get("signature_name")
    if "signature_name" in document and not isinstance(name, str):
        raise _unfit("'signature_name' key must be a string value.")
    return name or None


def read(document: Mapping[str, Any], chosen: Chosen) -> Rows:
    """Return the instances that a request for predictions carries; raises ProblemError."""
    if "instances" in document and "inputs" in document:
        raise _unfit("only one of 'inputs' or 'instances' keys may be there")
    signature = served(chosen)
    is_picture = not takes_values(chosen.facts)
    if "instances" in document:
        values, name, is_whole = filled_list(document, "instances"), "instances", False
    elif "inputs" in document:
        is_whole = not signature.is_batched
        values, name = _instances(document["inputs"], signature, is_picture=is_picture), "inputs"
    else:
        raise _unfit("Missing 'inputs' or 'instances' key")
    if is_picture:
        values = [_picture(value) for value in values]
    check_count(len(values), chosen, name)
    return Rows(
        values,
        [f"{name}[{index}]" for index in range(len(values))],
        is_columnar=name == "inputs",
        is_whole=is_whole,
        is_flat=all(_is_flat(value, signature.inputs) for value in values),
        is_picture=is_picture,
    )


def filled_list(document: Mapping[str, Any], name: str) -> list[Any]:
    """Return a list of the request that is not empty; raises ProblemError."""
    found = document[name]
    if not isinstance(found, list):
        raise _unfit(f"Expecting '{name}' value to be an list/array")
    if not found:
        raise _unfit(f"No values in '{name}' array")
    return found


def check_count(count: int, chosen: Chosen, name: str) -> None:
    """Raise ProblemError for more than a model takes in one request."""
    most = faces()[chosen.face].most_inputs
    if count > most:
        raise _unfit(f"'{name}' has {count:,} inputs; at most {most:,} are taken")


def answer(sent: Rows, made: list[Any]) -> dict[str, Any]:
    """Return the answer, of what `plain` made of each instance."""
    if sent.is_picture:
        return {"outputs" if sent.is_columnar else "predictions": made}
    if sent.is_flat:
        made = [{name: _flat(value) for name, value in one.items()} for one in made]
    if not sent.is_columnar:
        return {"predictions": [_bare(one) for one in made]}
    if sent.is_whole:
        return {"outputs": _bare(made[0])}
    return {"outputs": _bare({name: [one[name] for one in made] for name in made[0]})}


def plain(members: dict[str, Any] | None, outcome: Outcome) -> dict[str, Any]:
    """Return what one answer says: a picture's members, or each output by its name."""
    if members is not None:
        return members
    return {name: value_of(name, array) for name, array in outcome.result.items()}


def value_of(name: str, array: NDArray[Any]) -> Any:
    """Return an output as lists: text as it is, bytes as base64, numbers even if not finite."""
    if array.dtype != object:
        return lists_of(array)
    if not name.endswith(_BYTES_SUFFIX):
        return json_of(array)
    coded = np.empty(array.shape, object)
    for index, value in np.ndenumerate(array):
        coded[index] = {"b64": base64.b64encode(value).decode("ascii")}
    return coded.tolist()


def _instances(columns: Any, signature: Served, *, is_picture: bool) -> list[Any]:
    """Return the instances of which `inputs` has the columns."""
    names = [one["name"] for one in signature.inputs]
    if not isinstance(columns, dict) or columns.keys() == {"b64"}:
        if len(names) != 1:
            raise _unfit(f"'inputs' has to be an object with {', '.join(names)}")
        columns = {names[0]: columns}
    if is_picture:
        (column,) = columns.values() if len(columns) == 1 else (None,)
        return column if isinstance(column, list) and column else [column]
    if not signature.is_batched:
        return [columns]
    if not columns:
        raise _unfit(f"'inputs' has to be an object with {', '.join(names)}")
    lengths = {}
    for name, column in columns.items():
        if not isinstance(column, list) or not column:
            raise _unfit(f"inputs.{name}: a list is expected, whose first axis is the batch's")
        lengths[name] = len(column)
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise _unfit(f"'inputs' are batches of different lengths: {told}")
    count = next(iter(lengths.values()))
    return [{name: column[index] for name, column in columns.items()} for index in range(count)]


def _picture(value: Any) -> Any:
    """Return a picture as its face reads it, out of an object that names its input."""
    if isinstance(value, dict) and len(value) == 1:
        (inner,) = value.values()
        if isinstance(inner, dict):
            return inner
    return value


def _is_flat(value: Any, declared: Sequence[Declared]) -> bool:
    """Say whether an instance gives a single value where a list of one is declared.

    TensorFlow Serving holds nobody to the shape: what a model of numbers makes of it is as flat.
    """
    by_name = value if isinstance(value, dict) and value.keys() != {"b64"} else None
    for one in declared:
        given = value if by_name is None else by_name.get(one["name"])
        is_one = one["shape"] and all(side in (1, None) for side in one["shape"])
        if is_one and not isinstance(given, list):
            return True
    return False


def _flat(value: Any) -> Any:
    """Return what lists of one hold; other values as they are."""
    inner = value
    while isinstance(inner, list):
        if len(inner) != 1:
            return value
        inner = inner[0]
    return inner


def _bare(outputs: dict[str, Any]) -> Any:
    """Return the only output without its name; several with theirs."""
    return next(iter(outputs.values())) if len(outputs) == 1 else outputs


def _unfit(detail: str) -> ProblemError:
    return ProblemError("invalid-input", detail)
