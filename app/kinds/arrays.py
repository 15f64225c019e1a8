"""Values of JSON as arrays of a declared type and shape, and arrays as values of JSON.

A value that does not fit is refused: nothing is rounded, cut or read from text by itself.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: What the type of text is called; its arrays hold bytes objects.
TEXT = "bytes"

_NOUNS = {"b": "true or false", "i": "a whole number", "u": "a whole number", "f": "a number"}
_LONGEST_SHOWN = 60


class ArrayError(Exception):
    """A value that does not fit; its text follows the name of what it was given for."""

    def __init__(self, told: str, *value: object) -> None:
        super().__init__(told)
        self.has_value = bool(value)
        self.value = value[0] if value else None


def array_of(value: object, dtype: str, shape: Sequence[int | None]) -> NDArray[Any]:
    """Return the array that a value of JSON is; None in `shape` is any length.

    A single value does for a shape of ones, as (1,). Raises ArrayError.
    """
    if type(value) is float and dtype == "float64" and not shape and math.isfinite(value):
        # What most rows are of, and what there is nothing to find out about.
        return np.array(value)
    array = _texts(value) if dtype == TEXT else _numbers(value, np.dtype(dtype))
    if array.ndim == 0 and shape and all(side in (1, None) for side in shape):
        array = array.reshape((1,) * len(shape))
    fits = array.ndim == len(shape) and all(
        wanted in (None, side) for side, wanted in zip(array.shape, shape, strict=True)
    )
    if not fits:
        raise ArrayError(f" is {_named(array.shape)}: {_named(shape)} is expected")
    if not array.size:
        raise ArrayError(" is an empty list: at least one value is expected")
    return array


def json_of(array: NDArray[Any]) -> Any:
    """Return the array as lists; text that is no UTF-8 as base64, what is not finite as null."""
    if array.dtype == object:
        return _mapped(array.tolist(), _text_of)
    values = lists_of(array)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return _mapped(values, _finite)
    return values


def lists_of(array: NDArray[Any]) -> Any:
    """Return numbers as lists, each as short as tells it apart in its own type.

    0.1, not 0.10000000149011612. What is not finite comes as it is.
    """
    if array.dtype.kind == "f" and array.dtype.itemsize < 8:
        array = array.astype(str).astype(np.float64)
    return array.tolist()


def zeros(declared: Mapping[str, Any]) -> NDArray[Any]:
    """Return a value that an input may take: zeros, or its first category."""
    shape = [side or 1 for side in declared["shape"]]
    if declared["dtype"] != TEXT:
        return np.zeros(shape, declared["dtype"])
    # Some graphs read numbers from text.
    categories = declared.get("categories") or ["0"]
    return np.full(shape, categories[0].encode(), object)


def _numbers(value: object, dtype: np.dtype[Any]) -> NDArray[Any]:
    try:
        array = np.array(value)
    except ValueError:
        raise ArrayError(" is a list whose parts are of different lengths") from None
    noun = _NOUNS[dtype.kind]
    if dtype.kind == "b":
        if array.dtype.kind != "b" and array.size:
            raise _unfit(value, noun)
        return array.astype(bool)
    if not array.size:
        return array.astype(dtype)
    if array.dtype.kind not in "iuf":
        raise _unfit(value, noun)
    if dtype.kind in "iu":
        return _whole(value, array, dtype)
    with np.errstate(over="ignore"):
        cast = array.astype(dtype)
    if not (np.isfinite(cast) | ~np.isfinite(array)).all():
        raise ArrayError(f" holds a number that {dtype.name} cannot: at most {_most(dtype):.4g}")
    return cast


def _whole(value: object, array: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    if array.dtype.kind == "f" and not (np.isfinite(array) & (array == np.floor(array))).all():
        raise _unfit(value, "a whole number")
    limits = np.iinfo(dtype)
    # Python's own numbers: those of numpy would be rounded to compare them.
    low, high = int(array.min()), int(array.max())
    if low < limits.min or high > limits.max:
        out = low if low < limits.min else high
        raise ArrayError(f" is {out}: from {limits.min} to {limits.max} is expected", out)
    return array.astype(dtype)


def _most(dtype: np.dtype[Any]) -> float:
    return float(np.finfo(dtype).max)


def _unfit(value: object, noun: str) -> ArrayError:
    """Return the error of the first part of a value that is not what is expected."""
    first = _first_unfit(value, noun)
    return ArrayError(f" is {_shown(first)}: {noun} is expected", first)


def _first_unfit(value: object, noun: str) -> object:
    while isinstance(value, list) and value:
        value = next((one for one in value if not _fits(one, noun)), value[0])
    return value


def _fits(value: object, noun: str) -> bool:
    if isinstance(value, list):
        return all(_fits(one, noun) for one in value)
    if noun == _NOUNS["b"] or isinstance(value, bool):
        return isinstance(value, bool) and noun == _NOUNS["b"]
    if noun == _NOUNS["f"]:
        return isinstance(value, int | float)
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())


def _texts(value: object) -> NDArray[Any]:
    """Return text as an array of bytes."""
    shape: list[int] = []
    parts: list[object] = [value]
    while all(isinstance(one, list) for one in parts) and parts:
        lengths = {len(one) for one in parts if isinstance(one, list)}
        if len(lengths) > 1:
            raise ArrayError(" is a list whose parts are of different lengths")
        shape.append(lengths.pop())
        parts = [inner for one in parts if isinstance(one, list) for inner in one]
    array = np.empty(len(parts), object)
    for index, one in enumerate(parts):
        array[index] = _bytes(one)
    return array.reshape(shape)


def _bytes(value: object) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str):
        try:
            return base64.b64decode(value["b64"], validate=True)
        except ValueError as error:
            raise ArrayError(f" is not base64: {error}") from None
    raise ArrayError(f' is {_shown(value)}: text, or {{"b64": "…"}}, is expected', value)


def _named(shape: Sequence[int | None]) -> str:
    if not shape:
        return "a single value"
    if len(shape) == 1:
        return f"a list of {'any length' if shape[0] is None else shape[0]}"
    return f"a list of {' x '.join('any' if side is None else str(side) for side in shape)}"


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _mapped(value: Any, change: Any) -> Any:
    return [_mapped(one, change) for one in value] if isinstance(value, list) else change(value)


def _text_of(value: bytes) -> Any:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(value).decode("ascii")}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
