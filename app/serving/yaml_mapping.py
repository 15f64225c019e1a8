"""Reads a YAML file that is a mapping, and refuses what YAML forbids and PyYAML lets pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


class MappingError(Exception):
    """A file that is no mapping; its text is one line that names the file."""


class _EachKeyOnce(yaml.SafeLoader):
    """YAML's rule that a mapping has a key once, of which PyYAML lets the last one win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and (key.tag, key.value) in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"{key.value} is there twice", problem_mark=key.start_mark
                )
            seen.add((key.tag, str(key.value)))
        return super().construct_mapping(node, deep)


def read_mapping(path: Path) -> dict[Any, Any]:
    """Return what a file holds; {} where it is empty. Raises MappingError."""
    try:
        mapping = yaml.load(path.read_text("utf-8-sig"), _EachKeyOnce)
    except OSError as error:
        raise MappingError(f"{path.name}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise MappingError(f"{path.name}: cannot be read: {error}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # ValueError: a date such as 2020-13-45.
        raise MappingError(f"{path.name}: not YAML: {' '.join(str(error).split())}") from error
    if mapping is None:
        return {}
    if not isinstance(mapping, dict):
        raise MappingError(f"{path.name}: must be a mapping of keys to values")
    return mapping
