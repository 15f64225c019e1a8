"""The parameters of a prediction, from query, form or JSON, checked in one place.

Every refusal names the parameter, the value and what is allowed; a name that is unknown or given
twice is refused too, so that a typing error never passes for a default.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from app.api.problems import ProblemError
from app.api.rendering import MASK_FORMATS, MaskFormat

MAX_INSTANCES = 1000


@dataclass(frozen=True)
class PredictParameters:
    """What a request asks for, beside the pictures; None leaves it to the model."""

    model: str | None = None
    version: int | None = None
    min_score: float | None = None
    max_instances: int | None = None
    masks: MaskFormat = "rle"
    render: str | None = None


def parse(given: Iterable[tuple[str, object]]) -> PredictParameters:
    """Return the checked parameters from (name, value) pairs of any origin.

    Raises ProblemError (400) for the first one that does not fit.
    """
    values: dict[str, object] = {}
    for name, value in given:
        if name not in _PARSERS:
            allowed = ", ".join(_PARSERS)
            raise _invalid(name, value, f"there is no such parameter; there are {allowed}")
        if name in values:
            raise _invalid(name, value, "it is given more than once")
        values[name] = _PARSERS[name](name, value)
    return PredictParameters(**values)  # type: ignore[arg-type]


def _invalid(name: str, value: object, allowed: str) -> ProblemError:
    shown = value if isinstance(value, str | int | float | bool | None) else type(value).__name__
    text = repr(shown) if len(repr(shown)) <= 80 else repr(shown)[:80] + "…"
    return ProblemError(
        "invalid-parameter", f"parameter {name!r} is {text}: {allowed}", field=name, value=shown
    )


def _number(value: object) -> float:
    """Return the number that a JSON value or a query's text is; NaN for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return math.nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan


def _whole_number(name: str, value: object, low: int, high: int) -> int:
    number = _number(value)
    if not (low <= number <= high and number == int(number)):
        raise _invalid(name, value, f"a whole number from {low} to {high:,} is allowed")
    return int(number)


def _model(name: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise _invalid(name, value, "the name of a model is expected (GET /v1/models lists them)")
    return value


def _version(name: str, value: object) -> int:
    return _whole_number(name, value, 1, 2**31 - 1)


def _min_score(name: str, value: object) -> float:
    number = _number(value)
    if not 0 <= number <= 1:
        raise _invalid(name, value, "a number from 0 to 1 is allowed")
    return number


def _max_instances(name: str, value: object) -> int:
    return _whole_number(name, value, 1, MAX_INSTANCES)


def _masks(name: str, value: object) -> MaskFormat:
    if value not in MASK_FORMATS:
        raise _invalid(name, value, f"one of {', '.join(MASK_FORMATS)} is allowed")
    return value


def _render(name: str, value: object) -> str:
    if value != "png":
        raise _invalid(name, value, "only png is allowed")
    return "png"


_PARSERS: dict[str, Callable[[str, object], object]] = {
    "model": _model,
    "version": _version,
    "min_score": _min_score,
    "max_instances": _max_instances,
    "masks": _masks,
    "render": _render,
}
