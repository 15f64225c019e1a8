"""POST /predict: a picture in, its instances out: JSON, COCO results or drawn on the picture."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from flask import Blueprint, Response, g, jsonify, request
from numpy.typing import NDArray

from app import log
from app.api import inputs, problems, rendering
from app.api.answers import AnswerFormat, CocoResult, MaskFormat, PredictAnswer, PredictAnswers
from app.api.door import IS_GONE
from app.api.headers import request_timeout_s
from app.api.negotiation import MEDIA_TYPES, answer_format
from app.api.requests import when_sent
from app.api.services import services
from app.ids import new_id
from app.images import ImageError, decode
from app.kinds.kind import Parameters
from app.serving.client import Prediction
from app.serving.errors import InferenceOverloaded, InferenceTimeout, PictureRefused

blueprint = Blueprint("predict", __name__)


@blueprint.post("/predict")
def predict() -> Response:
    """Find the instances on the picture, or on each of `instances`."""
    sent = inputs.read(request)
    accept = request.headers.get("Accept", "")
    match answer_format(sent.parameters, accept, is_list=sent.is_list):
        case "json":
            return _json(sent)
        case "png":
            return _overlay(sent)
        case "coco":
            return _coco(sent)


@blueprint.after_request
def _tell_caches(response: Response) -> Response:
    response.vary.add("Accept")
    return response


@dataclass(frozen=True, eq=False)
class _Found:
    """One picture of a request, and what is on it."""

    image: NDArray[np.uint8]
    prediction: Prediction
    decode_ms: float


def _found(sent: inputs.PredictInput) -> Iterator[_Found]:
    """Yield each picture with what is on it; all of them share the time that one may take."""
    longest_s = services().settings.inference_timeout_s
    timeout_s = request_timeout_s(request.headers, longest_s) or longest_s
    admission = services().admission
    is_gone = request.environ.get(IS_GONE)
    for index, picture in enumerate(sent.pictures):
        left_s = timeout_s - (time.perf_counter() - g.start)
        if left_s <= 0:
            raise InferenceTimeout(timeout_s)
        asked = sent.parameters
        field = f"instances[{index}]" if sent.is_list else "image"
        wanted = asked.model, asked.version
        admission.work()
        try:
            turn = services().client.enter(
                model=asked.model,
                version=asked.version,
                timeout_s=left_s,
                is_gone=is_gone,
                # Where there may be no place a photo is not even decoded before there is.
                ahead=not admission.expects_place(wanted),
            )
            with contextlib.closing(turn):
                image, decode_ms = _decode(picture, field)
                admission.rest()
                prediction = turn.predict(image, Parameters(asked.min_score, asked.max_instances))
        except InferenceOverloaded as error:
            admission.note_refusal(error)
            raise
        except InferenceTimeout:
            raise InferenceTimeout(timeout_s) from None
        except PictureRefused as error:
            raise problems.of_serving(error, field) from error
        admission.note_answer(wanted)
        yield _Found(image, prediction, decode_ms)


def _json(sent: inputs.PredictInput) -> Response:
    answers = [_answer(found, sent.parameters.masks) for found in _found(sent)]
    several: PredictAnswers = {"predictions": answers}
    return jsonify(several if sent.is_list else answers[0])


def _answer(found: _Found, masks: MaskFormat) -> PredictAnswer:
    start = time.perf_counter()
    prediction = found.prediction
    instances = rendering.instances_as_json(prediction.instances, prediction.labels, masks)
    timing_ms = _timing(found, start)
    prediction_id = _record(prediction, timing_ms)
    return rendering.prediction_as_json(prediction, prediction_id, instances, timing_ms)


def _overlay(sent: inputs.PredictInput) -> Response:
    (found,) = _found(sent)
    start = time.perf_counter()
    png = rendering.overlay_png(found.image, found.prediction)
    prediction_id = _record(found.prediction, _timing(found, start))
    return _response(png, "png", [prediction_id])


def _coco(sent: inputs.PredictInput) -> Response:
    """Answer with the results of all pictures in one list, as COCO has them."""
    asked = sent.parameters
    results: list[CocoResult] = []
    prediction_ids = []
    for image_id, found in enumerate(_found(sent), start=asked.image_id):
        start = time.perf_counter()
        results += rendering.coco_results(
            found.prediction.instances, image_id, with_segmentation=asked.masks == "rle"
        )
        prediction_ids.append(_record(found.prediction, _timing(found, start)))
    return _response(json.dumps(results), "coco", prediction_ids)


def _response(body: bytes | str, form: AnswerFormat, prediction_ids: list[str]) -> Response:
    """Return an answer that has no place for the predictions' ids."""
    headers = {"X-Prediction-ID": ", ".join(prediction_ids)}
    return Response(body, content_type=MEDIA_TYPES[form], headers=headers)


def _decode(picture: bytes, field: str) -> tuple[NDArray[np.uint8], float]:
    start = time.perf_counter()
    try:
        # The model, which this process does not know, may take the fourth channel.
        image = decode(picture, services().image_limits, keep_alpha=True)
    except ImageError as error:
        raise problems.of_image(error, field) from error
    return image, _ms_since(start)


def _timing(found: _Found, encode_start: float) -> dict[str, float]:
    return {
        "decode": found.decode_ms,
        "queue": found.prediction.queue_ms,
        "inference": found.prediction.inference_ms,
        "encode": _ms_since(encode_start),
    }


def _ms_since(start: float) -> float:
    return (time.perf_counter() - start) * 1000


def _record(prediction: Prediction, timing_ms: Mapping[str, float]) -> str:
    """Have one prediction logged and counted; return the id that it gets."""
    prediction_id = new_id()
    counts: dict[str, int] = {}
    for class_id in prediction.instances.class_ids:
        label = rendering.label_of(int(class_id), prediction.labels)
        counts[label] = counts.get(label, 0) + 1
    height, width = prediction.instances.image_size
    telemetry, request_id = services().telemetry, g.request_id
    # Not the prediction itself: its masks would stay in memory until the answer is sent.
    model, version = prediction.model, prediction.version

    def record() -> None:
        telemetry.count(model, timing_ms, counts)
        log.event(
            "prediction",
            prediction_id=prediction_id,
            request_id=request_id,
            model=model,
            version=version,
            width=width,
            height=height,
            instances=counts,
            timing_ms={stage: round(value, 1) for stage, value in timing_ms.items()},
        )

    when_sent(record)
    return prediction_id
