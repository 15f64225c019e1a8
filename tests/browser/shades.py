"""A kind for the tests: says which of four shades of grey a picture of 8 x 8 pixels has.

Its files are JSON, `{"shades": {…}}`; `warnings` in there are its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.kinds.classes import CLASSES, OUTPUTS, PICTURE
from app.kinds.face import Face
from app.kinds.kind import Field, Inspection, ModelError, ModelSource, Signature
from app.kinds.options import Options
from app.kinds.tensors import Tensors

SIDE = 8
NAMES = ["black", "dark", "bright", "white"]


class Shades:
    name, faces, options = "shades", (CLASSES,), Options

    def face_of(self, options: Mapping[str, Any]) -> Face:
        return CLASSES

    def recognises(self, path: Path) -> bool:
        return path.read_bytes().startswith(b'{"shades"')

    def refusal(self, path: Path) -> str:
        return f"{path.name} holds no shades"

    def inspect(self, path: Path) -> Inspection:
        return Inspection("shades", [("shades", ", ".join(NAMES))])

    def examine(self, source: ModelSource) -> dict[str, Any]:
        shades = json.loads(source.path.read_bytes())["shades"]
        if not isinstance(shades, dict):
            raise ModelError(f"{source.path.name}: shades is {shades!r}; a mapping is allowed")
        return {}

    def load(self, source: ModelSource) -> LoadedShades:
        self.examine(source)
        return LoadedShades(json.loads(source.path.read_bytes())["shades"])


class LoadedShades:
    signature = Signature(
        (Field(PICTURE, "uint8", (SIDE, SIDE, 1), "picture"),),
        (Field(OUTPUTS, "float32", (len(NAMES),)),),
    )

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.facts = {
            "labels": NAMES,
            "input": {"height": SIDE, "width": SIDE, "channels": 1, "resize": "stretch"},
            "outputs": "probabilities",
            "warnings": values.get("warnings", []),
        }

    def describe(self) -> dict[str, Any]:
        return {}

    def warm_up(self) -> None:
        pass

    def check(self, inputs: Tensors) -> None:
        pass

    def together(self, inputs: Tensors, asked: Mapping[str, Any]) -> None:
        return None

    def predict(
        self, inputs: Sequence[Tensors], asked: Sequence[Mapping[str, Any]]
    ) -> list[Tensors]:
        return [{OUTPUTS: _scores(one[PICTURE].mean() / 255)} for one in inputs]


def _scores(level: float) -> np.ndarray:
    """Return the surer a score the nearer the shade: of full white 0.9, 0.06, 0.03, 0.01."""
    distances = np.abs(np.linspace(0, 1, len(NAMES)) - level)
    scores = np.empty(len(NAMES), np.float32)
    scores[np.argsort(distances, kind="stable")] = [0.9, 0.06, 0.03, 0.01]
    return scores
