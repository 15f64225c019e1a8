"""What is said of one route, and of the bodies that it takes and gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from app.api.dialects import Dialect


@dataclass(frozen=True)
class Content:
    """One form of a body: its media type, what pydantic makes a schema of, and examples."""

    media_type: str
    type: Any
    examples: Mapping[str, Callable[[], object]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What one route takes and answers; its summary is the first line of its view's docstring."""

    tag: str
    answer: str
    contents: tuple[Content, ...]
    problems: tuple[str, ...] = ()
    description: str = ""
    path: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """What each variable of the path means, and an example of it."""
    query: type[BaseModel] | None = None
    headers: type[BaseModel] | None = None
    bodies: tuple[Content, ...] = ()
    answer_headers: tuple[str, ...] = ()
    also: Mapping[int, str] = field(default_factory=dict)
    """Further answers of the same form where all is well, and what they mean."""
    status: int = 200
    dialect: Dialect | None = None
    """Of its errors; None where they are problem documents."""
