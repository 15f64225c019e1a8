"""Matterport's `mrcnn.parallel_model`, kept to say what is written instead of it."""

from __future__ import annotations

from mrcnn.gone import gone

__all__ = ["ParallelModel"]

ParallelModel = gone(
    "mrcnn.parallel_model.ParallelModel",
    "use keras_model itself, whatever GPU_COUNT is; detection takes any number of pictures",
)
