"""Keeps out of git what is referred to in place of being there."""

from __future__ import annotations

import re
from pathlib import Path


def ignore(target: Path) -> Path:
    """Have git ignore a model's file, by the `.gitignore` beside it; return that."""
    ignored = target.with_name(".gitignore")
    lines = ignored.read_text().splitlines() if ignored.exists() else []
    line = "/" + re.sub(r"([\\*?\[ ])", r"\\\1", target.name)
    if line not in lines:
        ignored.write_text("\n".join([*lines, line]) + "\n")
    return ignored
