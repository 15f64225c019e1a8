"""Makes the weight files that the golden files were computed with, once a machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

#: name -> (backbone, classes, seed, digest of all arrays, from the golden files' README).
RECIPES = {
    "R50": (
        "resnet50",
        4,
        3,
        "78727fbb51fca0e44c8cd8b4db10dc2b98bb66d163ae9126e2cc5a1ff21cf3f0",
    ),
    "R101": (
        "resnet101",
        81,
        1,
        "8217c3cc2163d7824bccce337b9c326e264c494b560bfa40e96aeb8c2f5f0a2c",
    ),
}


def weight_file(goldens: Path, name: str) -> Path:
    """Return the file's path; a file is kept under its digest, and appears only if that fits."""
    backbone, classes, seed, digest = RECIPES[name]
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = base / "slipway" / "weights" / f"{digest}.h5"
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    sizes = ["--backbone", backbone, "--classes", str(classes), "--seed", str(seed)]
    command = [sys.executable, str(goldens / "weights.py"), *sizes, str(partial)]
    try:
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        assert digest in told, f"{name}: the generator made other weights: {told.strip()}"
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path
