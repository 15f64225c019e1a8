"""The kind `saved_model`: a folder with TensorFlow's `saved_model.pb`, of TensorFlow 1 or 2.

Importing this imports no reader of files and no framework: `model` and `inspection` do.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from app.kinds.face import Face
from app.kinds.kind import Inspection, LoadedModel, ModelSource
from app.kinds.options import Options, Text
from app.kinds.requisites import TENSORFLOW, check_installed
from app.kinds.saved_model import files
from app.kinds.values import VALUES


class SavedModelOptions(Options):
    """What a `model.yaml` may say of a SavedModel."""

    signature: Text | None = Field(None, description="the name of a signature")
    transform: bool = Field(True, description="true or false")
    allow_unseen: bool = Field(False, description="true or false")


class SavedModel:
    """Loads SavedModels, among them those that BigQuery ML exports."""

    name = "saved_model"
    faces = (VALUES,)
    options = SavedModelOptions

    def face_of(self, options: Mapping[str, Any]) -> Face:
        """Return the only one."""
        return VALUES

    def recognises(self, path: Path) -> bool:
        """Say whether the folder holds a graph."""
        return files.is_saved_model(path)

    def refusal(self, path: Path) -> str:
        """Say in one line what the folder lacks; nothing of a file."""
        return f"{path.name}/ holds no {files.GRAPH}" if path.is_dir() else ""

    def inspect(self, path: Path) -> Inspection:
        """Return its signatures, with their inputs and outputs; raises ModelError, or OSError."""
        check_installed(TENSORFLOW, files.GRAPH)
        from app.kinds.saved_model.inspection import inspect

        return inspect(path)

    def examine(self, source: ModelSource) -> dict[str, Any]:
        """Return the folder's size; raises ModelError for what is wrong with its files."""
        from app.kinds.saved_model import model

        return model.examine(source)

    def load(self, source: ModelSource) -> LoadedModel:
        """Load graph, variables and tables; raises ModelError."""
        from app.kinds.saved_model import model

        return model.load(source)
