"""The sample pictures that lie with the models."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Mapping
from pathlib import Path

from app.serving.layout import find_models


class SamplePictures:
    """Those of one repository. Safe to share between threads.

    They are looked for as often as new models are, not for every request: none waits for a slow
    disk.

    Args:
        repository: the folder with the models.
        poll_s: how old what was found may be; 0 is any age.
    """

    def __init__(self, repository: Path, poll_s: float) -> None:
        self._repository = repository
        self._poll_s = poll_s or math.inf
        self._found: Mapping[str, list[Path]] = {}
        self._found_at = -math.inf

    def by_model(self) -> Mapping[str, list[Path]]:
        """Return the pictures of each model's folder `samples`; none where it cannot be read."""
        now = time.monotonic()
        if not self._found or now - self._found_at >= self._poll_s:
            with contextlib.suppress(OSError):
                models = find_models(self._repository)
                self._found = {model.name: model.samples() for model in models}
                self._found_at = now
        return self._found
