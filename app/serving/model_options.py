"""Reads `model.yaml` and `labels.txt`, and refuses what it does not know.

A setting that is silently ignored gives wrong detections, so every refusal names the key, the value
and what is allowed. What `config:` may hold is the kind's to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from app.kinds.kind import ModelError
from app.serving.references import problem_of
from app.serving.strays import is_pointer, pointer_text
from app.serving.yaml_mapping import MappingError, read_mapping


def _text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _texts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(_text(entry) for entry in value)


def _fraction(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _fact(value: object) -> bool:
    return isinstance(value, bool)


def _mapping(value: object) -> bool:
    return isinstance(value, dict) and all(_text(key) for key in value)


def _goldens(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(entry, dict)
        and set(entry) == {"input", "output"}
        and all(_text(path) for path in entry.values())
        for entry in value
    )


#: What a `model.yaml` may hold: whether a value is allowed, and what is.
ALLOWED: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "kind": (_text, "a kind of model"),
    "labels": (_texts, "a list of names, one a class"),
    "about": (_text, "a text"),
    "min_score": (_fraction, "a number from 0 to 1"),
    "allow_partial": (_fact, "true or false"),
    "fallback": (_fact, "true or false"),
    "config": (_mapping, "a mapping of setting names to values"),
    "source": (_mapping, "a mapping of uri, sha256 and bytes"),
    "golden": (_goldens, "a list of {input: FILE, output: FILE}"),
}


def read_options(path: Path | None) -> dict[str, Any]:
    """Return the options in a `model.yaml`; {} without a file or in an empty one.

    Raises ModelError.
    """
    if path is None:
        return {}
    try:
        options = read_mapping(path)
    except MappingError as error:
        raise ModelError(str(error)) from error
    for key, value in options.items():
        if key not in ALLOWED:
            known = ", ".join(ALLOWED)
            raise ModelError(f"{path.name}: there is no key {key!r}; allowed are {known}")
        is_allowed, allowed = ALLOWED[key]
        if not is_allowed(value):
            raise ModelError(f"{path.name}: {key} is {value!r}; it must be {allowed}")
    if "source" in options and (problem := problem_of(options["source"])):
        raise ModelError(f"{path.name}: {problem}")
    return options


def read_labels(path: Path | None) -> tuple[str, ...] | None:
    """Return the lines of a `labels.txt`, None without a file. Raises ModelError."""
    if path is None:
        return None
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise ModelError(f"{path.name}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ModelError(f"{path.name}: cannot be read: {error}") from error
    if is_pointer(text.encode()):
        raise ModelError(pointer_text(path.name))
    lines = [line.strip() for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise ModelError(f"{path.name}: holds no label")
    if "" in lines:
        raise ModelError(f"{path.name}: line {lines.index('') + 1} is empty; one label a line")
    return tuple(lines)
