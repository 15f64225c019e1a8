"""A category's vocabulary: the values that the training saw, and a refusal of any other by name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.kinds.kind import InputError

# BigQuery ML's own word for NULL is in every vocabulary that it makes but a linear model's.
NULL = b"_null_filler"
#: What is known of a model travels to every worker: no longer vocabulary does.
MOST_VALUES = 10_000
_MOST_TOLD = 10


@dataclass(frozen=True)
class Vocabulary:
    """The values that an input may have, in the order of the table."""

    values: tuple[bytes, ...]

    def places(self, given: NDArray[Any]) -> NDArray[np.int64]:
        """Return the place of each value in the table, in the given shape; -1 where it has none."""
        places = [self._places.get(_as_text(one), -1) for one in given.ravel()]
        return np.array(places, np.int64).reshape(given.shape)

    def check(self, what: str, given: NDArray[Any], name: str | None = None) -> None:
        """Raise InputError for the first value that is not among them; `name` is an input's."""
        for one in np.asarray(given, object).ravel():
            value = _as_text(one)
            if value not in self._places:
                raise InputError(
                    f"{what} is {_told(value)}, which the model has never seen; {self.told()}",
                    name=name,
                )

    @cached_property
    def _places(self) -> dict[bytes, int]:
        # Of a value that is there twice the first place counts.
        return {value: place for place, value in reversed([*enumerate(self.values)])}

    def texts(self) -> list[str]:
        """Return the values for clients."""
        return [value.decode("utf-8", "replace") for value in self.values]

    def told(self) -> str:
        """Say what is allowed."""
        some = ", ".join(_told(value) for value in self.values[:_MOST_TOLD])
        rest = len(self.values) - _MOST_TOLD
        return f"allowed are {some}{f' and {rest:,} more' if rest > 0 else ''}"


def _as_text(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    return (str(value).lower() if isinstance(value, bool) else str(value)).encode()


def _told(value: bytes) -> str:
    return repr(value.decode("utf-8", "replace"))
