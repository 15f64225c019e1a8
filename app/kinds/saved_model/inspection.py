"""A SavedModel for a person: what its signatures take and give. Nothing of its graph is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.kinds.frameworks import tf
from app.kinds.kind import Inspection
from app.kinds.saved_model import files
from app.kinds.saved_model.reading import read


def inspect(folder: Path) -> Inspection:
    """Return the exporter, the size, and each signature's parts; raises ModelError, or OSError."""
    files.check(folder)
    reading = read(folder)
    about = reading.meta_graph.meta_info_def
    facts = [
        ("TensorFlow", about.tensorflow_version or "not told"),
        ("tags", ", ".join(sorted(about.tags)) or "none"),
        ("nodes", f"{len(reading.graph_def.node):,}"),
        ("bytes", f"{sum(files.sizes(folder).values()):,}"),
        ("transform", "yes" if files.transform_of(folder) else "no"),
    ]
    parts: list[tuple[str, ...]] = [("signature", "", "name", "type", "shape")]
    for name, signature in reading.signatures.items():
        for direction, infos in (("in", signature.inputs), ("out", signature.outputs)):
            parts += [
                (name, direction, key, _dtype(info), _shape(info))
                for key, info in sorted(infos.items())
            ]
    return Inspection("a SavedModel", facts, parts)


def _dtype(info: Any) -> str:
    try:
        return str(tf.dtypes.as_dtype(info.dtype).base_dtype.name)
    except TypeError:
        return f"number {info.dtype}"


def _shape(info: Any) -> str:
    if info.tensor_shape.unknown_rank:
        return "any"
    return str([side.size if side.size >= 0 else None for side in info.tensor_shape.dim])
