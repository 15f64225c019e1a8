"""An ONNX graph that takes one picture and gives a number a class (`task: classify`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.kinds.classes import OUTPUTS, PICTURE
from app.kinds.kind import Field, ModelSource, Signature
from app.kinds.onnx.pictures import LabelledGraph, PictureGraph, labels_of
from app.kinds.tensors import Tensors


def load(source: ModelSource) -> OnnxClassifier:
    """Give the graph to ONNX Runtime, and see what its pictures and classes are."""
    return OnnxClassifier(PictureGraph(source, "classify"), source)


class OnnxClassifier(LabelledGraph):
    """A classifier in memory."""

    def __init__(self, graph: PictureGraph, source: ModelSource) -> None:
        options, warnings = source.options, graph.warnings
        super().__init__(graph)
        found = self._run([np.zeros(graph.shape, np.uint8)])
        self._classes = found.shape[1]
        numbers = options.get("outputs") or _numbers(graph.last_op(), self._classes)
        count = 2 if numbers in ("binary", "binary_logit") else self._classes
        self.facts = {
            "labels": labels_of(source, count, warnings),
            "input": {**graph.input, "resize": options.get("resize") or "stretch"},
            "outputs": numbers,
            "warnings": warnings,
        }

    @property
    def signature(self) -> Signature:
        """A picture of the graph's size in, a number a class out."""
        return Signature(
            (Field(PICTURE, "uint8", self._graph.shape, "picture"),),
            (Field(OUTPUTS, "float32", (self._classes,)),),
        )

    def predict(
        self, inputs: Sequence[Tensors], asked: Sequence[Mapping[str, Any]]
    ) -> list[Tensors]:
        """Return a number a class for each picture."""
        rows = self._run([one[PICTURE] for one in inputs])
        return [{OUTPUTS: row} for row in rows]

    def _run(self, pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return float32 [pictures, classes]."""
        return self._graph.run(pictures).reshape(len(pictures), -1).astype(np.float32)


def _numbers(op: str, classes: int) -> str:
    """Say by the op that makes the numbers what they are."""
    if classes == 1:
        return "binary" if op == "Sigmoid" else "binary_logit"
    return {"Softmax": "probabilities", "Sigmoid": "independent"}.get(op, "logits")
