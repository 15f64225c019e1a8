"""`:classify` and `:regress`: features by name in, classes with scores or a number out.

A signature made for this takes each example in one text, as a serialised `tf.Example`
(https://www.tensorflow.org/tutorials/load_data/tfrecord); any other takes its features by name.
"""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Callable, Mapping
from typing import Any

from app.api.problems import ProblemError
from app.api.signatures import Served, served, takes_values
from app.api.v1.rows import Rows, check_count, filled_list, value_of
from app.kinds.face import Outcome
from app.serving.client import Chosen

#: What makes a result of a prediction: of its members where it is a picture's, else of its arrays.
Make = Callable[[dict[str, Any] | None, Outcome], Any]
#: What says how a model's results are made; raises ProblemError where it has none of the sort.
Task = Callable[[Chosen], Make]

CLASSES, SCORES = "classes", "scores"
_LENGTH_DELIMITED = 2
# Of `tf.Feature`.
_TEXTS, _FLOATS, _WHOLE_NUMBERS = 1, 2, 3


def read(document: Mapping[str, Any], chosen: Chosen) -> Rows:
    """Return the examples as their model's face reads them; raises ProblemError."""
    if "examples" not in document:
        raise ProblemError("invalid-input", "key 'examples' is expected and was not found")
    found = filled_list(document, "examples")
    check_count(len(found), chosen, "examples")
    context = document.get("context", {})
    fields = [f"examples[{index}]" for index in range(len(found))]
    for one, name in zip((context, *found), ("context", *fields), strict=True):
        if not isinstance(one, dict):
            raise _unfit(name, "it must be an object of features")
    make = _reader(chosen)
    values = [make({**context, **one}, name) for one, name in zip(found, fields, strict=True)]
    return Rows(values, fields, is_picture=not takes_values(chosen.facts))


def classes(chosen: Chosen) -> Make:
    """Return what makes [label, score] pairs of a prediction; raises ProblemError."""
    if chosen.face == "classes":
        return _ranked
    names = {one["name"] for one in _outputs(chosen)}
    if not names or not names <= {CLASSES, SCORES}:
        raise _unsuited("classification", "classify")
    return _pairs


def number(chosen: Chosen) -> Make:
    """Return what makes the number of a prediction; raises ProblemError."""
    outputs = _outputs(chosen)
    is_number = len(outputs) == 1 and outputs[0]["dtype"] != "bytes"
    if not is_number or any(side != 1 for side in outputs[0]["shape"]):
        raise _unsuited("regression", "regress")
    return lambda members, outcome: next(
        value_of(name, array.reshape(-1)[0]) for name, array in outcome.result.items()
    )


def serialised(features: Mapping[str, Any], name: str) -> bytes:
    """Return a `tf.Example` with the features; raises ProblemError for what is none."""
    entries = b""
    for key, value in features.items():
        feature = _feature(value if isinstance(value, list) else [value], f"{name}.{key}")
        entries += _field(1, _field(1, key.encode()) + _field(2, feature))
    return _field(1, entries)


def _outputs(chosen: Chosen) -> list[Mapping[str, Any]]:
    return [*served(chosen).outputs] if takes_values(chosen.facts) else []


def _ranked(members: dict[str, Any] | None, outcome: Outcome) -> list[list[Any]]:
    found = (members or {}).get("predictions", [])
    return [[one["label"], one["score"]] for one in found]


def _pairs(members: dict[str, Any] | None, outcome: Outcome) -> list[list[Any]]:
    """Return a label and a score of each class; a name that the model does not say is empty."""
    told = {name: value_of(name, array.reshape(-1)) for name, array in outcome.result.items()}
    count = max(map(len, told.values()))
    labels, scores = told.get(CLASSES, [""] * count), told.get(SCORES, [0.0] * count)
    return [list(pair) for pair in zip(labels, scores, strict=True)]


def _reader(chosen: Chosen) -> Callable[[dict[str, Any], str], Any]:
    signature = served(chosen)
    only = signature.inputs[0] if len(signature.inputs) == 1 else None
    if only is None:
        return lambda features, name: _by_name(features, signature)
    if only["role"] == "picture":
        return lambda features, name: _only(features, name)
    if only["dtype"] == "bytes" and not only["shape"]:
        return lambda features, name: {
            "b64": base64.b64encode(serialised(features, name)).decode("ascii")
        }
    return lambda features, name: {only["name"]: _only(features, name)}


def _by_name(features: dict[str, Any], signature: Served) -> dict[str, Any]:
    """Return the features, out of their lists of one where a single value is declared."""
    single = {one["name"] for one in signature.inputs if not one["shape"]}
    return {
        name: value[0] if name in single and isinstance(value, list) and len(value) == 1 else value
        for name, value in features.items()
    }


def _only(features: dict[str, Any], name: str) -> Any:
    if len(features) != 1:
        raise _unfit(name, "the model takes one feature")
    return next(iter(features.values()))


def _feature(values: list[Any], name: str) -> bytes:
    """Return a `tf.Feature`: texts, numbers or whole numbers, and no mixture of them."""
    if all(isinstance(value, bool | int) for value in values):
        if not all(-(2**63) <= value < 2**63 for value in values):
            raise _unfit(name, "only int64 is supported")
        numbers = b"".join(_varint(int(value) % 2**64) for value in values)
        return _field(_WHOLE_NUMBERS, _field(1, numbers))
    if all(isinstance(value, float) for value in values):
        return _field(_FLOATS, _field(1, b"".join(_float(value, name) for value in values)))
    return _field(_TEXTS, b"".join(_field(1, _text(value, name)) for value in values))


def _float(value: float, name: str) -> bytes:
    try:
        return struct.pack("<f", value)
    except OverflowError:
        raise _unfit(name, f"{value:g} is more than float32 holds") from None


def _text(value: Any, name: str) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str):
        try:
            return base64.b64decode(value["b64"], validate=True)
        except ValueError:
            raise _unfit(name, "Unable to base64 decode") from None
    raise _unfit(name, "a feature holds text, numbers or whole numbers, and no mixture of them")


def _field(number: int, content: bytes) -> bytes:
    """Return a length-delimited field of a protocol buffer."""
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    groups = max(1, math.ceil(value.bit_length() / 7))
    low = [value >> 7 * index & 0x7F for index in range(groups)]
    return bytes([*(part | 0x80 for part in low[:-1]), low[-1]])


def _unfit(name: str, reason: str) -> ProblemError:
    return ProblemError("invalid-input", f"{name}: {reason}", field=name)


def _unsuited(task: str, method: str) -> ProblemError:
    detail = (
        f"Expected {task} signature method_name to be tensorflow/serving/{method}. "
        "Was: tensorflow/serving/predict"
    )
    return ProblemError("invalid-parameter", detail, field="signature_name")
