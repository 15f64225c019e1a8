"""The contract's examples. Where it can be, the code itself makes them, so that they are true."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image, ImageDraw

from app.api.answers import (
    CocoResult,
    Models,
    ModelStatus,
    ModelVersions,
    PredictAnswer,
    PredictAnswers,
    Samples,
)
from app.api.rendering import coco_results as render_coco
from app.api.rendering import instances_as_json, prediction_as_json
from app.serving.client import Prediction
from mrcnn.instances import Instances

PREDICTION_ID = "01JD6Z8M3V5W0Q4T2R9XK7B1NC"


def _prediction() -> Prediction:
    """Return what might be found on a small picture."""
    y, x = np.mgrid[-1:1:28j, -1:1:28j]
    disc = ((x**2 + y**2) < 1).astype(np.float32)
    found = Instances(
        (48, 64),
        np.array([[6, 8, 42, 28], [30, 34, 44, 60]], np.int32),
        np.array([1, 3], np.int32),
        np.array([0.998, 0.871], np.float32),
        np.stack([disc, disc]),
    )
    labels = ("person", "bicycle", "car")
    return Prediction(
        model="street",
        version=3,
        labels=labels,
        instances=found,
        queue_ms=0.3,
        inference_ms=812.04,
    )


def predict_answer() -> PredictAnswer:
    """Return the answer for one picture."""
    prediction = _prediction()
    instances = instances_as_json(prediction.instances, prediction.labels, "rle")
    timing_ms = {"decode": 4.1, "queue": 0.3, "inference": 812.04, "encode": 2.2}
    return prediction_as_json(prediction, PREDICTION_ID, instances, timing_ms)


def predict_answers() -> PredictAnswers:
    """Return the answer for a list of one picture."""
    return {"predictions": [predict_answer()]}


def coco_results() -> list[CocoResult]:
    """Return the same as COCO results."""
    return render_coco(_prediction().instances, image_id=1)


def _picture() -> dict[str, str]:
    """Return a small picture as JSON holds it."""
    image = Image.new("RGB", (32, 24))
    ImageDraw.Draw(image).rectangle((6, 4, 18, 18), fill=(250, 0, 0))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return {"b64": base64.b64encode(buffer.getvalue()).decode("ascii")}


def one_picture() -> dict[str, object]:
    """Return a JSON body with one picture."""
    return {"image": _picture(), "min_score": 0.5}


def several_pictures() -> dict[str, object]:
    """Return a JSON body with several pictures."""
    return {"instances": [_picture(), _picture()], "masks": "polygon"}


def pictures_and_parameters() -> dict[str, object]:
    """Return a JSON body with several pictures and an object of parameters."""
    return {"instances": [_picture(), _picture()], "parameters": {"min_score": 0.5}}


def _model() -> ModelStatus:
    return {
        "name": "street",
        "version": 3,
        "state": "ready",
        "error": None,
        "kind": "mask_rcnn",
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
