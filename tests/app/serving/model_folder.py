"""A model repository's folder, filled by tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

#: What `git clone` leaves of a large file where Git LFS is not installed.
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 255857617\n"


class Models:
    """A model repository's folder, and how to put models into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def add(self, place: str, **values: Any) -> Path:
        """Write a thresholding model to `place`, such as `street/1/street.h5`."""
        path = self.folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"threshold": 128, **values}))
        return path

    def write(self, place: str, content: str | bytes) -> Path:
        """Write any file."""
        path = self.folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path
