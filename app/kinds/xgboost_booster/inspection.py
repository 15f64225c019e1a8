"""A booster for a person: its trees, and the columns that it takes."""

from __future__ import annotations

from pathlib import Path

from app.kinds.kind import Inspection
from app.kinds.xgboost_booster import columns, files
from app.kinds.xgboost_booster.trying import tried


def inspect(folder: Path) -> Inspection:
    """Return objective, sizes, and each column's encoding; raises ModelError, or OSError."""
    path = files.check(folder)
    export, found = columns.read(folder), tried(path)
    facts = [
        ("format", files.format_of(path)),
        ("objective", found.objective),
        ("trees", f"{found.trees:,}"),
        ("nodes", f"{found.nodes:,}"),
        ("bytes", f"{path.stat().st_size:,}"),
    ]
    parts: list[tuple[str, ...]] = [("column", "encoding", "numbers")]
    if export is None:
        parts += [(name, "", "1") for name in found.names or []]
        return Inspection("a booster of XGBoost", facts, parts, right="  >")
    facts += [("model type", export.model_type), ("label", export.label)]
    if export.classes:
        facts.append(("classes", ", ".join(export.classes)))
    parts += [(one.name, one.encoding, str(one.width)) for one in export.columns]
    return Inspection("a booster of XGBoost, exported by BigQuery ML", facts, parts, right="  >")
