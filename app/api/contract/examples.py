"""The contract's examples. Where it can be, the code itself makes them, so that they are true."""

from __future__ import annotations

import json
from typing import Any

from app.api.answers import Models, ModelStatus, ModelVersions, Samples
from app.kinds.face import Face
from app.kinds.registry import kinds
from app.serving.answers import answer_of
from app.serving.client import Prediction

PREDICTION_ID = "01JD6Z8M3V5W0Q4T2R9XK7B1NC"


def predict_answer(face: Face) -> dict[str, Any]:
    """Return the answer for one input."""
    outcome = face.example().outcome
    prediction = Prediction("street", 3, outcome.result, queue_ms=0.3, inference_ms=812.04)
    timing_ms = {"decode": 4.1, "queue": 0.3, "inference": 812.04, "encode": 2.2}
    members = face.members(outcome, face.parameters())
    return answer_of(prediction, PREDICTION_ID, members, timing_ms)


def predict_answers(face: Face) -> dict[str, Any]:
    """Return the answer for a list of one input."""
    return {"predictions": [predict_answer(face)]}


def in_form(face: Face, name: str) -> Any:
    """Return the same in another form, one that is JSON too."""
    form = face.forms[name]
    part = form.part(face.example().outcome, face.parameters(), 0)
    return json.loads(form.whole([part]))


def one_input(face: Face) -> dict[str, object]:
    """Return a JSON body with one input."""
    example = face.example()
    return {"image": example.given, **example.asked}


def several_inputs(face: Face) -> dict[str, object]:
    """Return a JSON body with several inputs."""
    example = face.example()
    return {"instances": [example.given, example.given], **example.asked_otherwise}


def inputs_and_parameters(face: Face) -> dict[str, object]:
    """Return a JSON body with several inputs and an object of parameters."""
    example = face.example()
    return {"instances": [example.given, example.given], "parameters": {**example.asked}}


def _model() -> ModelStatus:
    return {
        "name": "street",
        "version": 3,
        "state": "ready",
        "error": None,
        "kind": kinds()[0].name,
        "face": kinds()[0].faces[0].name,
        "version_labels": ["stable"],
        "split": 90.0,
        "share": 90.0,
        "shadow": None,
        "default": True,
        "loaded_s": 7.214,
        "labels": ["person", "bicycle", "car"],
        "num_classes": 4,
        "config": {"IMAGE_MIN_DIM": 800, "IMAGE_MAX_DIM": 1024},
        "file": "street.h5",
        "bytes": 255_851_528,
        "sha256": "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
    }


def models() -> Models:
    """Return the answer of a server with one model."""
    return {"models": [_model()]}


def model_versions() -> ModelVersions:
    """Return one model's versions."""
    return {"name": "street", "versions": [_model()]}


def samples() -> Samples:
    """Return the samples of a model that has one."""
    url = "/samples/street/crossing.jpg"
    return {"samples": [{"model": "street", "name": "crossing", "url": url}]}
