"""An ONNX graph that takes one picture and gives numbers a pixel (`task: segment`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.kinds.classes import PICTURE
from app.kinds.kind import Field, InputError, ModelError, ModelSource, Signature
from app.kinds.onnx.pictures import Frame, LabelledGraph, PictureGraph, labels_of
from app.kinds.segments import CLASS_OF_PIXELS, MOST_CLASSES
from app.kinds.tensors import Tensors


def load(source: ModelSource) -> OnnxSegmenter:
    """Give the graph to ONNX Runtime, and see what its pictures and classes are."""
    return OnnxSegmenter(PictureGraph(source, "segment", dtypes="fiu"), source)


class OnnxSegmenter(LabelledGraph):
    """A graph that segments, in memory."""

    def __init__(self, graph: PictureGraph, source: ModelSource) -> None:
        name, options, warnings = source.path.name, source.options, graph.warnings
        if (resize := options.get("resize") or "stretch") != "stretch":
            raise ModelError(f"resize is {resize!r}; `task: segment` takes only stretch")
        super().__init__(graph)
        found = graph.run([np.zeros(graph.shape, np.uint8)])
        self._axis = _axis_of_classes(found, graph.frame, name)
        count = self._count(found, source)
        # Of one number a pixel: from where on it is of the second class.
        self._least = 0.5 if (options.get("outputs") or _numbers(graph)) == "binary" else 0.0
        if not 2 <= count <= MOST_CLASSES:
            raise ModelError(f"{name} has {count} classes; from 2 to {MOST_CLASSES} are allowed")
        self._size = self._classes(found).shape[1:]
        self.facts = {
            "labels": labels_of(source, count, warnings),
            "input": {**graph.input, "resize": resize},
            "size": list(self._size),
            "warnings": warnings,
        }

    @property
    def signature(self) -> Signature:
        """A picture of the graph's size in, the class of each pixel out."""
        height, width = self._size
        return Signature(
            (Field(PICTURE, "uint8", self._graph.shape, "picture"),),
            (Field(CLASS_OF_PIXELS, "uint8", (height, width)),),
        )

    def predict(
        self, inputs: Sequence[Tensors], asked: Sequence[Mapping[str, Any]]
    ) -> list[Tensors]:
        """Return the class of each pixel; raises InputError for one that has no label."""
        found = self._classes(self._graph.run([one[PICTURE] for one in inputs]))
        most = len(self.facts["labels"])
        if found.size and not 0 <= found.min() <= found.max() < most:
            out = int(found.min()) if found.min() < 0 else int(found.max())
            raise InputError(f"the model gives a pixel the class {out}; there are {most} labels")
        return [{CLASS_OF_PIXELS: one} for one in found.astype(np.uint8)]

    def _count(self, found: NDArray[Any], source: ModelSource) -> int:
        """Return how many classes there are: where the graph has chosen, as many as labels."""
        if self._axis is not None:
            return max(2, found.shape[self._axis])
        if source.labels is None:
            raise ModelError(
                f"{source.path.name} gives each pixel its class, not a number a class: how many "
                f"there are the labels have to say, in labels.txt or model.yaml"
            )
        return len(source.labels)

    def _classes(self, found: NDArray[Any]) -> NDArray[Any]:
        """Return the class of each pixel, [pictures, height, width]."""
        if self._axis is None:
            return found if found.ndim == 3 else found[:, 0]
        if found.shape[self._axis] == 1:
            return (found > self._least).astype(np.uint8).squeeze(self._axis)
        return found.argmax(axis=self._axis)


def _axis_of_classes(found: NDArray[Any], frame: Frame, name: str) -> int | None:
    """Return the axis with a number a class; None where the graph itself has chosen one."""
    is_chosen = found.dtype.kind in "iu"
    if is_chosen and (found.ndim == 3 or (found.ndim == 4 and found.shape[1] == 1)):
        return None
    if found.ndim != 4 or is_chosen:
        raise ModelError(
            f"{name} gives {list(found.shape)}: `task: segment` needs one output of a number a "
            f"class and pixel, [batch, classes, height, width], or of a class a pixel"
        )
    # The axes of pixels are as the picture's sides are: of the same size, or in the same ratio.
    _, first, second, third = found.shape
    is_last = first * frame.width == second * frame.height
    is_first = second * frame.width == third * frame.height
    return 3 if is_last and not (is_first and frame.is_channels_first) else 1


def _numbers(graph: PictureGraph) -> str:
    """Say by the op that makes one number a pixel what it is."""
    return "binary" if graph.last_op() == "Sigmoid" else "binary_logit"
