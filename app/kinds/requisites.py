"""What models need beside the file and may be missing here; said in one line, with what brings it.

None of it is imported.
"""

from __future__ import annotations

import importlib.util
from typing import NamedTuple

from app.kinds.kind import ModelError


class Requisite(NamedTuple):
    """A package that not every machine or image has."""

    name: str
    module: str
    setup: str
    argument: str


TENSORFLOW = Requisite("TensorFlow", "tensorflow", "./setup.sh", "TENSORFLOW=yes")
XGBOOST = Requisite("XGBoost", "xgboost", "./setup.sh xgboost", "XGBOOST=yes")


def check_installed(requisite: Requisite, what: str) -> None:
    """Raise ModelError where something is not installed that `what` needs."""
    if importlib.util.find_spec(requisite.module) is None:
        raise ModelError(
            f"{what} needs {requisite.name}, which is not installed: {requisite.setup} installs "
            f"it, docker build --build-arg {requisite.argument} makes an image with it"
        )
