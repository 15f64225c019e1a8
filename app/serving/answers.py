"""What an answer says of its prediction, whatever the kind of the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.serving.client import Prediction

_STAGES = ("decode", "queue", "inference", "encode")


def answer_of(
    prediction: Prediction,
    prediction_id: str,
    members: Mapping[str, Any],
    timing_ms: Mapping[str, float],
) -> dict[str, Any]:
    """Return the answer of POST /predict for one input; `members` are what its face adds."""
    return {
        "prediction_id": prediction_id,
        "model": prediction.model,
        "version": prediction.version,
        **members,
        # As people read them.
        "timing_ms": {stage: round(timing_ms[stage], 1) for stage in _STAGES},
    }
