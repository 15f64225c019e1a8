"""The kind `onnx`: any graph that ONNX Runtime runs; values by name, or a picture's classes.

Importing this imports no reader of files and no runtime: `model`, `classifier` and `inspection` do.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.kinds.classes import CLASSES, Numbers, Resize
from app.kinds.face import Face
from app.kinds.kind import Inspection, LoadedModel, ModelSource
from app.kinds.options import Options, Text
from app.kinds.values import VALUES

_Side = Annotated[int, Field(ge=1, le=16384)]
_PerChannel = float | Annotated[list[float], Field(min_length=1, max_length=4)]


class InputOption(BaseModel):
    """The size of the pictures, where the graph leaves it open."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    height: _Side | None = None
    width: _Side | None = None
    channels: Literal[1, 3, 4] | None = None


class Scaling(BaseModel):
    """`((x * scale + offset) - mean) / std`, of pixels from 0 to 255."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    scale: float = 1.0
    offset: float = 0.0
    mean: _PerChannel = 0.0
    std: _PerChannel = 1.0


class OnnxOptions(Options):
    """What a `model.yaml` may say of an ONNX graph; all but `task` is about pictures."""

    task: Literal["classify"] | None = Field(None, description="classify")
    input: InputOption = Field(
        InputOption(), description="a mapping of height, width and channels (1, 3 or 4)"
    )
    preprocessing: Literal["none", "unit", "tf", "caffe", "torch"] | Scaling | None = Field(
        None,
        description="one of none, unit, tf, caffe and torch, or a mapping of scale, offset, mean "
        "and std",
    )
    outputs: Numbers | None = Field(
        None,
        description="one of probabilities, logits, independent, binary and binary_logit",
    )
    resize: Resize | None = Field(None, description="one of stretch, crop and pad")
    output: Text | None = Field(None, description="the name of an output")


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
