"""The kind `onnx`: any graph that ONNX Runtime runs; values, or classes of pictures and pixels.

Importing this imports no reader of files and no runtime: the modules for each task do.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from app.kinds.classes import CLASSES
from app.kinds.face import Face
from app.kinds.kind import Inspection, LoadedModel, ModelSource
from app.kinds.picture_options import PictureOptions
from app.kinds.segments import SEGMENTS
from app.kinds.values import VALUES

_FACES: dict[str | None, Face] = {"classify": CLASSES, "segment": SEGMENTS}


class OnnxOptions(PictureOptions):
    """What a `model.yaml` may say of an ONNX graph; all but `task` is about pictures."""

    task: Literal["classify", "segment"] | None = Field(None, description="classify or segment")


class Onnx:
    """Loads ONNX graphs."""

    name = "onnx"
    faces = (VALUES, CLASSES, SEGMENTS)
    options = OnnxOptions

    def face_of(self, options: Mapping[str, Any]) -> Face:
        """Return that of the task, without one that of values."""
        return _FACES.get(options.get("task"), VALUES)

    def recognises(self, path: Path) -> bool:
        """Say whether the file holds a graph."""
        from app.kinds.onnx.reading import is_onnx

        return is_onnx(path)

    def refusal(self, path: Path) -> str:
        """Say in one line what the file lacks; nothing of one with another name."""
        if path.suffix.lower() != ".onnx":
            return ""
        return f"{path.name} is cut short or no ONNX file: it holds no graph"

    def inspect(self, path: Path) -> Inspection:
        """Return the exporter, the ops and the weights; raises ModelError, or OSError."""
        from app.kinds.onnx.inspection import inspect

        return inspect(path)

    def examine(self, source: ModelSource) -> dict[str, Any]:
        """Return exporter, opset and sizes; raises ModelError."""
        from app.kinds.onnx import files

        return files.examine(source)

    def load(self, source: ModelSource) -> LoadedModel:
        """Give the graph to ONNX Runtime; raises ModelError."""
        from app.kinds.onnx import files

        files.examine(source)
        if source.options.get("task") == "classify":
            from app.kinds.onnx.classifier import load as load_classifier

            return load_classifier(source)
        if source.options.get("task") == "segment":
            from app.kinds.onnx.segmenter import load as load_segmenter

            return load_segmenter(source)
        from app.kinds.onnx.model import load

        return load(source)
