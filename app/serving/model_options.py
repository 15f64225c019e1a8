"""Reads `model.yaml` and `labels.txt`, and refuses what it does not know.

A setting that is silently ignored gives wrong answers, so every refusal names the key, the value
and what is allowed. What a kind's own keys may hold is the kind's to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.kinds import options
from app.kinds.kind import ModelError
from app.kinds.options import Options
from app.serving.references import problem_of
from app.serving.strays import is_pointer, pointer_text
from app.serving.yaml_mapping import MappingError, read_mapping


def read_options(path: Path | None) -> dict[str, Any]:
    """Return the options in a `model.yaml`; {} without a file or in an empty one.

    Those that every kind knows are checked, `check_options` does the others. Raises ModelError.
    """
    if path is None:
        return {}
    try:
        found = read_mapping(path)
    except MappingError as error:
        raise ModelError(str(error)) from error
    common = {key: value for key, value in found.items() if key in Options.model_fields}
    check_options(path, common, Options)
    if problem := problem_of(found):
        raise ModelError(f"{path.name}: {problem}")
    return found


def check_options(path: Path | None, found: Mapping[str, Any], allowed: type[Options]) -> None:
    """Raise ModelError for an option that a kind does not know, or that does not fit."""
    if path is not None and (problem := options.problem_of(found, allowed)):
        raise ModelError(f"{path.name}: {problem}")


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
