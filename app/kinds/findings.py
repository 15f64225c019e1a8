"""What a row of the prediction log says of an answer: a class, probabilities, and what was told.

How outputs by name become such a row is here too: a model of values does not say which of them are
probabilities, so their names and their numbers have to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.kinds.arrays import json_of
from app.kinds.tensors import Tensors

#: The class of an answer that names none.
NO_CLASS = -1
#: The most numbers of a row that are no probabilities.
MOST_NUMBERS = 1000
#: The longest JSON of outputs that a row keeps.
MOST_DETAIL_BYTES = 4096

# Of JSON: a letter as an escape, a number with a sign, seventeen digits, an exponent, and brackets.
_MOST_BYTES_A_LETTER, _MOST_BYTES_A_NUMBER, _MOST_BYTES_AROUND = 6, 40, 200
# What arithmetic may add to a probability of 1.
_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class Finding:
    """One row of the log, as a face tells it.

    `predicted_class` is the place of the best one in `class_probabilities`, float64 [classes],
    where these are known; `detail` is plain JSON.
    """

    predicted_class: int
    class_probabilities: NDArray[np.float64]
    detail: Mapping[str, Any]


def of_outputs(outputs: Tensors) -> Finding:
    """Return the row of outputs by name.

    Its class is the largest of the first output that is a vector of probabilities, BigQuery ML's
    `<label>_probs` before others whose name has `prob` in it. Without one there is no class, and
    the numbers are those of the first output that has any.
    """
    found = _probabilities(outputs)
    if found is not None:
        return Finding(int(found.argmax()), found, _detail(outputs))
    numbers = next((one for one in outputs.values() if one.dtype.kind in "iuf"), np.zeros(0))
    return Finding(NO_CLASS, numbers.ravel()[:MOST_NUMBERS].astype(np.float64), _detail(outputs))


def _probabilities(outputs: Tensors) -> NDArray[np.float64] | None:
    named = [name for name in outputs if "prob" in name.casefold()]
    for name in sorted(named, key=lambda one: not one.endswith("_probs")):
        array = outputs[name]
        is_vector = array.size >= 2 and array.size == max(array.shape)
        if array.dtype.kind != "f" or not is_vector:
            continue
        values = array.ravel().astype(np.float64)
        if ((values >= 0) & (values <= 1 + _ROUNDING)).all():
            return values
    return None


def _detail(outputs: Tensors) -> dict[str, Any]:
    """Return the outputs as JSON, or nothing where that would be long."""
    # Each takes two bytes at least: what is large is not written to see that it is.
    if sum(2 * array.size for array in outputs.values()) > MOST_DETAIL_BYTES:
        return {}
    detail = {"outputs": {name: json_of(array) for name, array in outputs.items()}}
    if _is_surely_short(outputs):
        return detail
    text = json.dumps(detail, ensure_ascii=False)
    return detail if len(text.encode()) <= MOST_DETAIL_BYTES else {}


def _is_surely_short(outputs: Tensors) -> bool:
    """Say whether no JSON of it can be too long; that takes less time than writing it."""
    most = 0
    for name, array in outputs.items():
        most += _MOST_BYTES_A_LETTER * len(name) + _MOST_BYTES_A_NUMBER * array.size
        if array.dtype == object:
            most += sum(_MOST_BYTES_A_LETTER * len(text) for text in array.flat)
    return most + _MOST_BYTES_AROUND <= MOST_DETAIL_BYTES
