"""The kind `onnx`: any graph that ONNX Runtime runs; values by name, or a picture's classes.

Importing this imports no reader of files and no runtime: `model`, `classifier` and `inspection` do.
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
from app.kinds.values import VALUES


class OnnxOptions(PictureOptions):
    """What a `model.yaml` may say of an ONNX graph; all but `task` is about pictures."""

    task: Literal["classify"] | None = Field(None, description="classify")


class Onnx:
    """Loads ONNX graphs."""

    name = "onnx"
    faces = (VALUES, CLASSES)
    options = OnnxOptions

    def face_of(self, options: Mapping[str, Any]) -> Face:
        """Return that of classes for a classifier, else that of values."""
        return CLASSES if options.get("task") == "classify" else VALUES

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
        from app.kinds.onnx.model import load

        return load(source)
