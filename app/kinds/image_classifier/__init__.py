"""The kind `image_classifier`: Keras models that take one picture and give a number a class.

`.keras`, and whole models as `.h5`, of Keras 1 to 3. Importing this imports no reader of files and
no framework: `examination`, `model` and `inspection` do.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from app.kinds.classes import CLASSES
from app.kinds.face import Face
from app.kinds.kind import Inspection, LoadedModel, ModelSource
from app.kinds.picture_options import PictureOptions


class ImageClassifierOptions(PictureOptions):
    """What a `model.yaml` may say of a classifier."""

    allow_code: bool = Field(False, description="true or false")


class ImageClassifier:
    """Loads Keras models that classify pictures."""

    name = "image_classifier"
    faces = (CLASSES,)
    options = ImageClassifierOptions

    def face_of(self, options: Mapping[str, Any]) -> Face:
        """Return the only one."""
        return CLASSES

    def recognises(self, path: Path) -> bool:
        """Say whether the file holds a network of Keras."""
        from app.kinds.image_classifier.files import is_whole_model

        return is_whole_model(path)

    def refusal(self, path: Path) -> str:
        """Say in one line what the file lacks; nothing of one with another name."""
        if path.is_dir() or path.suffix.lower() not in (".keras", ".h5", ".hdf5"):
            return ""
        from app.kinds.image_classifier import files

        return files.refusal(path)

    def inspect(self, path: Path) -> Inspection:
        """Return the network's input, its output and its layers; raises ModelError, or OSError."""
        from app.kinds.image_classifier.inspection import inspect

        return inspect(path)

    def examine(self, source: ModelSource) -> dict[str, Any]:
        """Return class count, input and Keras' version; raises ModelError.

        Every number of the file is read, since a training that had diverged leaves NaN.
        """
        from app.kinds.image_classifier.examination import examine

        return examine(source).described()

    def load(self, source: ModelSource) -> LoadedModel:
        """Build the network and fill it; raises ModelError."""
        from app.kinds.image_classifier.model import load

        return load(source)
