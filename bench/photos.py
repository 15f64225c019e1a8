"""A photo for benchmarks: made here, the same everywhere."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from bench.contender import ROOT

SAMPLE = ROOT / "models" / "shapes" / "1" / "samples" / "scene-500.png"


def jpeg(width: int = 640, height: int = 480) -> bytes:
    """Return a scene with a camera's grain as a JPEG; 640 x 480 of it take about 80 kB."""
    scene = Image.open(SAMPLE).convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
    grain = np.random.default_rng(1).normal(0, 5, (height, width, 1))
    pixels = np.clip(np.asarray(scene, np.float32) + grain, 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=85)
    return file.getvalue()
