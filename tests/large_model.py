"""A model that is too large for git, made of the small one that ships."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from tests.chance import seed

_DEMO = Path(__file__).parents[1] / "models" / "shapes" / "1" / "shapes.h5"


def write_large(path: Path, megabytes: int = 250) -> Path:
    """Write the demo's weights as a training saves them, so large with its optimizer's state."""
    path.write_bytes(_DEMO.read_bytes())
    with h5py.File(path, "r+") as file:
        state = np.random.default_rng(seed()).integers(0, 1 << 32, megabytes * 250_000, np.uint32)
        file.create_group("optimizer_weights")["moments"] = state
    assert path.stat().st_size > megabytes * 1_000_000
    return path
