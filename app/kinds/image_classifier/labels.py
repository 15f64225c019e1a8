"""The names of a classifier's classes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.kinds.kind import ModelError

_NUMBERED = re.compile(r"(\d+)[ \t:,]+(\S.*)")


def labels_for(count: int, given: Sequence[str] | None, file: str) -> list[str]:
    """Return one name a class; without names they are `class 0`, `class 1`, and so on.

    Raises ModelError where the count does not fit. `file` is what the model is called.
    """
    if given is None:
        return [f"class {class_id}" for class_id in range(count)]
    if len(given) != count:
        raise ModelError(
            f"{file} tells {count:,} classes apart, and has {len(given):,} labels; give one label "
            f"a class, in the order of its outputs"
        )
    return unnumbered(given)


def is_numbered(given: Sequence[str]) -> bool:
    """Say whether all lines count up from 0, as those of Teachable Machine do."""
    found = [_NUMBERED.fullmatch(line) for line in given]
    return bool(given) and all(
        match is not None and int(match[1]) == index for index, match in enumerate(found)
    )


def unnumbered(given: Sequence[str]) -> list[str]:
    """Return the lines without the numbers that count them."""
    if not is_numbered(given):
        return list(given)
    return [match[2] for line in given if (match := _NUMBERED.fullmatch(line))]
