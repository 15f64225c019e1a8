"""The kind `xgboost_booster`: a folder with XGBoost's `model.bst` or `model.ubj`.

BigQuery ML exports boosted trees and random forests so. Importing this imports no reader of files
and no XGBoost: `model` and `inspection` do.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from app.kinds.face import Face
from app.kinds.kind import Inspection, LoadedModel, ModelSource
from app.kinds.options import Options
from app.kinds.values import VALUES
from app.kinds.xgboost_booster import files


class BoosterOptions(Options):
    """What a `model.yaml` may say of a booster."""

    transform: bool = Field(True, description="true or false")
    allow_unseen: bool = Field(False, description="true or false")


class XgboostBooster:
    """Loads boosters of XGBoost, among them those that BigQuery ML exports."""

    name = "xgboost_booster"
    faces = (VALUES,)
    options = BoosterOptions

    def face_of(self, options: Mapping[str, Any]) -> Face:
        """Return the only one."""
        return VALUES

    def recognises(self, path: Path) -> bool:
        """Say whether the folder holds a booster."""
        return files.is_booster(path)

    def refusal(self, path: Path) -> str:
        """Say in one line what the folder lacks; nothing of a file."""
        return f"{path.name}/ holds no {files.NAMES[0]}" if path.is_dir() else ""

    def inspect(self, path: Path) -> Inspection:
        """Return its trees and its columns; raises ModelError, or OSError."""
        from app.kinds.xgboost_booster.inspection import inspect

        return inspect(path)

    def examine(self, source: ModelSource) -> dict[str, Any]:
        """Return the file's size and format; raises ModelError for what is wrong with the files."""
        from app.kinds.xgboost_booster import model

        return model.examine(source)

    def load(self, source: ModelSource) -> LoadedModel:
        """Load trees and vocabularies; raises ModelError."""
        from app.kinds.xgboost_booster import model

        return model.load(source)
