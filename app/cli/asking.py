"""Asks a model without a server, for the commands that do."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.ids import new_id
from app.images import ImageError
from app.kinds.face import Face, GivenError, Limits, Outcome, Parameters, Parsed
from app.kinds.pictures import PictureError
from app.kinds.registry import faces
from app.serving.answers import answer_of
from app.serving.client import Ask, InferenceClient, Prediction
from app.serving.errors import ServingError
from app.serving.layout import Found

#: What keeps one file from being answered for.
ASKING_ERRORS = (OSError, ImageError, GivenError, PictureError, ServingError)


@dataclass(frozen=True, eq=False)
class Asked:
    """What a model was asked, and what came of it."""

    face: Face
    outcome: Outcome
    prediction: Prediction
    decode_ms: float

    def answer(self, parameters: Parameters) -> dict[str, Any]:
        """Return the answer that POST /predict gives."""
        start = time.perf_counter()
        members = self.face.members(self.outcome, parameters)
        timing_ms = {
            "decode": self.decode_ms,
            "queue": self.prediction.queue_ms,
            "inference": self.prediction.inference_ms,
            "encode": (time.perf_counter() - start) * 1000,
        }
        return answer_of(self.prediction, new_id(), members, timing_ms)


def reason_of(error: Exception) -> object:
    """Return why a file is not answered for, without its path."""
    return error.strerror if isinstance(error, OSError) else error


def ask_file(
    client: InferenceClient,
    model: str | None,
    version: int | None,
    file: Path | None,
    *,
    limits: Limits,
    told: Mapping[str, Any] | None = None,
) -> Asked:
    """Return what a model says of a file, or else of noise; raises ASKING_ERRORS.

    `told` is what the face's `Parameters.asked` returned.
    """
    chosen = client.choose(Ask(model, version))
    face = faces()[chosen.face]
    start = time.perf_counter()
    if file is None:
        parsed = Parsed(face.noise(chosen.facts))
    else:
        (given,) = face.read([file.read_bytes()], ["image"], limits, ahead=False)
        parsed = face.parse(given, chosen.facts, limits)
    decode_ms = (time.perf_counter() - start) * 1000
    prediction = client.predict(parsed.inputs, Ask(model, version), told)
    outcome = Outcome(prediction.result, chosen.facts, parsed.picture)
    return Asked(face, outcome, prediction, decode_ms)


def ask_once(client: InferenceClient, found: Found, sample: Path | None, limits: Limits) -> Asked:
    """Return what a version says of a sample, or else of noise; raises ASKING_ERRORS."""
    return ask_file(client, found.name, found.version, sample, limits=limits)
