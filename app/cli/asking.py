"""Asks a model without a server, for the commands that do."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.api.answers import PredictAnswer
from app.api.rendering import instances_as_json, prediction_as_json
from app.ids import new_id
from app.images import ImageLimits, decode
from app.serving.client import InferenceClient, Prediction
from app.serving.layout import Found

# The least that every resize mode takes, and of four channels, which every model takes.
_NOISE = (64, 64, 4)


def ask_once(
    client: InferenceClient, found: Found, sample: Path | None, limits: ImageLimits
) -> Prediction:
    """Return what a model finds on a sample, or else on noise.

    Raises OSError, ImageError or ServingError.
    """

    def predict(image: NDArray[np.uint8]) -> Prediction:
        return client.predict(image, model=found.name, version=found.version)

    if sample:
        return predict(decode(sample.read_bytes(), limits, keep_alpha=True))
    return predict(np.random.default_rng(0).integers(0, 256, _NOISE, np.uint8))


def as_answer(prediction: Prediction, decode_ms: float) -> PredictAnswer:
    """Return the answer that POST /predict gives with masks=rle."""
    start = time.perf_counter()
    instances = instances_as_json(prediction.instances, prediction.labels, "rle")
    timing_ms = {
        "decode": decode_ms,
        "queue": prediction.queue_ms,
        "inference": prediction.inference_ms,
        "encode": (time.perf_counter() - start) * 1000,
    }
    return prediction_as_json(prediction, new_id(), instances, timing_ms)
