"""Names of Matterport's package that are kept only to say, in one line, what to write instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn


def gone(name: str, instead: str) -> Callable[..., NoReturn]:
    """Return a function that raises NotImplementedError with that line, whatever it is given."""

    def raise_line(*args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(f"{name} is not there: {instead}")

    raise_line.__name__ = name.rpartition(".")[2]
    raise_line.__doc__ = f"Say that {instead}."
    return raise_line
