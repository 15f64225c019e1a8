"""JSON as its specification has it (RFC 8259), where Python's module is more generous.

No NaN, no name given twice, no number too large to mean one, no half of a surrogate pair: each
would be taken for something else further on, or come back in an answer that is no JSON.
"""

from __future__ import annotations

import json
import math
from typing import Any

from app.api.problems import ProblemError

LONGEST_NUMBER = 100


def parse(body: bytes, *, takes_nan: bool = False) -> Any:
    """Return the document; raises ProblemError (400).

    With `takes_nan` NaN, Infinity and -Infinity are numbers, as other protocols have them.
    """
    try:
        # The whole text is UTF-8, whatever the first bytes say.
        document = json.loads(
            body.decode(),
            object_pairs_hook=_object,
            parse_constant=float if takes_nan else _constant,
            parse_float=_float,
            parse_int=_int,
        )
    except UnicodeDecodeError as error:
        detail = f"the body is not JSON: it is not UTF-8 at byte {error.start:,}"
        raise ProblemError("invalid-json", detail) from error
    except RecursionError as error:
        detail = "the body is not JSON of a request: it is nested too deeply"
        raise ProblemError("invalid-json", detail) from error
    except ValueError as error:
        raise ProblemError("invalid-json", f"the body is not JSON: {error}") from error
    return document


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members: dict[str, object] = {}
    for name, value in pairs:
        if name in members:
            raise ValueError(f"the name {name[:80]!r} is given twice")
        if _is_broken(name) or (isinstance(value, str) and _is_broken(value)):
            raise ValueError(f"beside the name {name[:80]!a} is half of a surrogate pair")
        members[name] = value
    return members


def _is_broken(text: str) -> bool:
    """Say whether a text has no UTF-8."""
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _constant(name: str) -> object:
    raise ValueError(f"{name} is no number of JSON")


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:80]} is too large")
    return number


def _int(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise ValueError(f"a number has {len(text):,} digits; at most {LONGEST_NUMBER} are read")
    return int(text)
