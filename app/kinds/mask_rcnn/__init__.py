"""The kind `mask_rcnn`: a Matterport Mask R-CNN `.h5`, recognised by its layer names.

Importing this imports no reader of files and no framework: `model` and `inspection` do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from app.kinds.face import Face
from app.kinds.kind import (
    Accuracy,
    Check,
    Companion,
    Export,
    Exported,
    Inspection,
    Labelled,
    LoadedModel,
    ModelSource,
    Quantization,
    Tell,
)
from app.kinds.limits import Limits
from app.kinds.mask_rcnn.face import INSTANCES
from app.kinds.options import Options, Quantize, Text
from app.kinds.tensors import Facts


class MaskRcnnOptions(Options):
    """What a `model.yaml` may say of a Mask R-CNN."""

    min_score: float = Field(0.0, ge=0, le=1, description="a number from 0 to 1")
    allow_partial: bool = Field(False, description="true or false")
    program: Literal["auto", "tensorflow", "openvino"] = Field(
        "auto", description="one of auto, tensorflow, openvino"
    )
    precision: Literal["auto", "f32", "bf16", "int8"] = Field(
        "auto", description="one of auto, f32, bf16, int8"
    )
    resize: Literal["auto", "trained", "tight"] = Field(
        "auto", description="one of auto, trained, tight"
    )
    quantize: Quantize | None = Field(
        None, description="{images: FOLDER}, or {images: FOLDER, labels: COCO.json}"
    )
    streams: int = Field(1, ge=1, le=64, description="a whole number from 1 to 64")
    config: dict[Text, Any] = Field({}, description="a mapping of setting names to values")


class MaskRcnn:
    """Loads Matterport Mask R-CNN weight files."""

    name = "mask_rcnn"
    faces = (INSTANCES,)
    options = MaskRcnnOptions

    def face_of(self, options: Mapping[str, Any]) -> Face:
        """Return the one that there is."""
        return INSTANCES

    def recognises(self, path: Path) -> bool:
        """Say whether the file has a Mask R-CNN's layer names."""
        from mrcnn.weights import looks_like_mask_rcnn

        return looks_like_mask_rcnn(path)

    def refusal(self, path: Path) -> str:
        """Say in one line what the file lacks; nothing of a folder, or of a zip archive."""
        if path.is_dir() or path.suffix.lower() not in (".h5", ".hdf5"):
            return ""
        from app.kinds.mask_rcnn import model

        return model.refusal(path)

    def inspect(self, path: Path) -> Inspection:
        """Return the network's sizes and its layers; raises ModelError, or OSError."""
        from app.kinds.mask_rcnn.inspection import inspect

        return inspect(path)

    def examine(self, source: ModelSource) -> dict[str, Any]:
        """Return backbone and class count with background; raises ModelError."""
        from app.kinds.mask_rcnn import model

        return model.examine(source)

    def load(self, source: ModelSource) -> LoadedModel:
        """Build the network that the file asks for; raises ModelError."""
        from app.kinds.mask_rcnn import model

        return model.load(source)

    def companions(self, source: ModelSource) -> Sequence[Companion]:
        """Return the form in eight bits, where there is one; raises ModelError, or OSError."""
        form = self.form_of(source)
        return [] if form is None else [form]

    def form_of(self, source: ModelSource) -> Companion | None:
        """Return the form in eight bits; raises ModelError, or OSError."""
        from app.kinds.mask_rcnn.companions import form_of

        return form_of(source)

    def load_original(self, source: ModelSource, facts: Facts, reason: str) -> LoadedModel | None:
        """Load it in float32 and in the frames of its training; raises ModelError."""
        from app.kinds.mask_rcnn import model

        return model.load_original(source, facts, reason)

    def quantize(
        self,
        source: ModelSource,
        pictures: Sequence[Path],
        limits: Limits,
        tell: Tell,
        check: Check,
        labelled: Labelled | None = None,
    ) -> Quantization:
        """Make the form in eight bits and judge it; raises ModelError, LabelsError, or OSError."""
        from app.kinds.mask_rcnn.quantization import quantize

        return quantize(source, pictures, limits, tell, check, labelled)

    def evaluate(
        self, source: ModelSource, labelled: Labelled, limits: Limits, tell: Tell
    ) -> Accuracy:
        """Judge by COCO's average precision; raises ModelError, LabelsError, or OSError."""
        from app.kinds.mask_rcnn.evaluation import evaluate

        return evaluate(source, labelled, limits, tell)

    def export(
        self,
        source: ModelSource,
        export: Export,
        pictures: Sequence[Path],
        limits: Limits,
        tell: Tell,
    ) -> Exported:
        """Write it as one graph, run it and compare; raises ModelError, or OSError."""
        from app.kinds.mask_rcnn.exporting import export_model

        return export_model(source, export, pictures, limits, tell)
