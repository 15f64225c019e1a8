"""POST /predict: a picture in, its instances out, as JSON or drawn on the picture."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from flask import Blueprint, Response, g, jsonify, request
from numpy.typing import NDArray
from ulid import ULID

from app import log
from app.api import inputs, problems, rendering
from app.api.parameters import PredictParameters
from app.api.services import services
from app.images import ImageError, decode
from app.kinds.kind import Parameters
from app.serving.client import Prediction
from app.serving.errors import InferenceTimeout

blueprint = Blueprint("predict", __name__)


@blueprint.post("/predict")
def predict() -> Response:
    """Find the instances on the picture, or on each of `instances`."""
    sent = inputs.read(request)
    wants_png = sent.parameters.render == "png" or _prefers_png()
    if not sent.is_list:
        return _overlay(sent) if wants_png else jsonify(_answer(sent.pictures[0], sent, "image"))
    if sent.parameters.render == "png":
        raise problems.ProblemError(
            "invalid-parameter",
            "render=png takes one picture, not a list of `instances`",
            field="render",
            value="png",
        )
    return jsonify({"predictions": list(_answers(sent))})


def _answers(sent: inputs.PredictInput) -> Iterator[dict[str, Any]]:
    """Yield the JSON of each picture; all of them share the time that one may take."""
    timeout_s = services().settings.inference_timeout_s
    for index, picture in enumerate(sent.pictures):
        if time.perf_counter() - g.start > timeout_s:
            raise InferenceTimeout(timeout_s)
        yield _answer(picture, sent, f"instances[{index}]")


def _prefers_png() -> bool:
    offered = ("application/json", "image/png")
    return request.accept_mimetypes.best_match(offered) == "image/png"


def _answer(picture: bytes, sent: inputs.PredictInput, field: str) -> dict[str, Any]:
    """Return the JSON of one picture; `field` is what the request calls it."""
    image, decode_ms = _decode(picture, field)
    prediction = _find(image, sent.parameters)
    start = time.perf_counter()
    instances = rendering.instances_as_json(
        prediction.instances, prediction.labels, sent.parameters.masks
    )
    timing_ms = _timing(prediction, decode_ms, start)
    prediction_id = _record(prediction, timing_ms)
    return rendering.prediction_as_json(prediction, prediction_id, instances, timing_ms)


def _overlay(sent: inputs.PredictInput) -> Response:
    image, decode_ms = _decode(sent.pictures[0], "image")
    prediction = _find(image, sent.parameters)
    start = time.perf_counter()
    png = rendering.overlay_png(image, prediction)
    prediction_id = _record(prediction, _timing(prediction, decode_ms, start))
    return Response(png, content_type="image/png", headers={"X-Prediction-ID": prediction_id})


def _decode(picture: bytes, field: str) -> tuple[NDArray[np.uint8], float]:
    start = time.perf_counter()
    try:
        image = decode(picture, services().image_limits)
    except ImageError as error:
        raise problems.of_image(error, field) from error
    return image, _ms_since(start)


def _find(image: NDArray[np.uint8], asked: PredictParameters) -> Prediction:
    return services().client.predict(
        image,
        model=asked.model,
        version=asked.version,
        parameters=Parameters(min_score=asked.min_score, max_instances=asked.max_instances),
    )


def _timing(prediction: Prediction, decode_ms: float, encode_start: float) -> dict[str, float]:
    return {
        "decode": decode_ms,
        "queue": prediction.queue_ms,
        "inference": prediction.inference_ms,
        "encode": _ms_since(encode_start),
    }


def _ms_since(start: float) -> float:
    return (time.perf_counter() - start) * 1000


def _record(prediction: Prediction, timing_ms: Mapping[str, float]) -> str:
    """Log and count one prediction; return the id that it gets."""
    prediction_id = str(ULID())
    telemetry = services().telemetry
    for stage, value in timing_ms.items():
        telemetry.stages.labels(prediction.model, stage).observe(value / 1000)
    counts: dict[str, int] = {}
    for class_id in prediction.instances.class_ids:
        label = rendering.label_of(int(class_id), prediction.labels)
        counts[label] = counts.get(label, 0) + 1
    for label, count in counts.items():
        telemetry.instances.labels(prediction.model, label).inc(count)
    height, width = prediction.instances.image_size
    log.event(
        "prediction",
        prediction_id=prediction_id,
        request_id=g.request_id,
        model=prediction.model,
        version=prediction.version,
        width=width,
        height=height,
        instances=counts,
        timing_ms={stage: round(value, 1) for stage, value in timing_ms.items()},
    )
    return prediction_id
