"""An ONNX file and the files of weights beside it: all there, inside the folder, and no larger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.kinds.kind import ModelError, ModelSource
from app.kinds.onnx.reading import OnnxFile, Weights, read

# What a constant may be filled with beyond what is stored: a sparse one, for example.
_MOST_FILLED_BYTES = 64 * 2**20


def check(path: Path) -> OnnxFile:
    """Return what the file says; raises ModelError for what cannot be or must not be."""
    try:
        found = read(path)
        stored = path.stat().st_size + sum(_external_bytes(path, one) for one in found.weights)
    except OSError as error:
        raise ModelError(f"{path.name} cannot be read: {error.strerror}") from error
    declared = 0
    for one in found.weights:
        declared += one.declared_bytes
        if declared > stored + _MOST_FILLED_BYTES:
            raise ModelError(
                f"{path.name} is refused: its weights, up to {one.name or 'a constant'}, would be "
                f"{declared >> 20:,} MiB, of {stored:,} bytes that are stored"
            )
    return found


def examine(source: ModelSource) -> dict[str, Any]:
    """Return exporter, opset and sizes; raises ModelError."""
    found = check(source.path)
    if source.labels and not source.options.get("task"):
        raise ModelError(
            "labels are given, which nothing reads: a graph names its outputs; for a classifier "
            "of pictures say `task: classify` in model.yaml"
        )
    return told(found, source.path)


def told(found: OnnxFile, path: Path) -> dict[str, Any]:
    """Return what is told of a file."""
    return {
        "exporter": found.producer,
        "opset": found.opset,
        "nodes": len(found.nodes),
        "bytes": path.stat().st_size + sum(one.declared_bytes for one in found.external),
    }


def _external_bytes(path: Path, weights: Weights) -> int:
    """Return how many bytes lie in another file; raises ModelError where they may not be read."""
    if "location" not in weights.external:
        return 0
    location = weights.external["location"]
    folder = path.parent.resolve()
    other = folder / location
    if not other.resolve().is_relative_to(folder):
        raise ModelError(
            f"{path.name} is refused: it has weights in {location!r}, outside of its folder"
        )
    if not other.is_file():
        raise ModelError(f"{path.name} has weights in {location}, which is not there; copy it too")
    try:
        start = int(weights.external.get("offset", "0"))
        length = int(weights.external.get("length", str(weights.declared_bytes)))
    except ValueError:
        raise ModelError(f"{path.name} has no number for where in {location} weights are") from None
    size = other.stat().st_size
    if start < 0 or length < 0 or start + length > size:
        raise ModelError(
            f"{location} is cut short: {path.name} has weights up to its byte {start + length:,}, "
            f"it has {size:,}; copy it again"
        )
    return length
